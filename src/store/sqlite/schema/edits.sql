-- What a message was edited to lies over it: the newest text, when, and the `seq` of each edit as a JSON list.
-- Of an edit whose text was erased there is a row, too, with its own `seq` as `target` and nothing but
-- `erased_at`.

ALTER TABLE overlay ADD COLUMN body TEXT;
ALTER TABLE overlay ADD COLUMN edited_at INTEGER;
ALTER TABLE overlay ADD COLUMN edits TEXT;
