-- What answers which message. How much there is, and what was said last, lies over the message.

ALTER TABLE overlay ADD COLUMN replies INTEGER;
ALTER TABLE overlay ADD COLUMN last_reply INTEGER;
ALTER TABLE overlay ADD COLUMN last_reply_at INTEGER;

CREATE TABLE reply (
    room   BLOB NOT NULL,
    target INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (room, target, seq)
) STRICT, WITHOUT ROWID;
