-- How people react to messages. Of each message the sums lie over it, as a JSON list, so that a page need not count.

ALTER TABLE overlay ADD COLUMN reactions TEXT;

CREATE TABLE reaction (
    room   BLOB NOT NULL,
    target INTEGER NOT NULL,
    emoji  TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    user   BLOB NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (room, target, emoji, seq)
) STRICT, WITHOUT ROWID;

-- What somebody reacted to which messages with.
CREATE UNIQUE INDEX reaction_user ON reaction (room, user, target, emoji);
