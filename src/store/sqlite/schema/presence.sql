-- Whether others may be told that somebody is there.

ALTER TABLE user ADD COLUMN presence INTEGER NOT NULL DEFAULT 1;
