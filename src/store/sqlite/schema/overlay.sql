-- What lies over the entries of rooms: nothing of a log is ever changed by an act of somebody.

-- For a message (`room`, `target`): that it is deleted, by the entry `seq`, as part of a redaction or not.
-- `erased_at` is when its text left `entry`. Edits and reactions will have their columns here, too.
CREATE TABLE overlay (
    room       BLOB NOT NULL,
    target     INTEGER NOT NULL,
    deleted_at INTEGER,
    deleted_by BLOB,
    seq        INTEGER,
    redaction  BLOB,
    erased_at  INTEGER,
    PRIMARY KEY (room, target)
) STRICT, WITHOUT ROWID;

-- Texts that are still to be erased, and what a redaction can restore.
CREATE INDEX overlay_unerased ON overlay (deleted_at) WHERE deleted_at IS NOT NULL AND erased_at IS NULL;
CREATE INDEX overlay_redaction ON overlay (redaction, room, target) WHERE redaction IS NOT NULL;

-- Messages that were deleted together. `detail` is JSON.
CREATE TABLE redaction (
    id          BLOB PRIMARY KEY NOT NULL,
    user        BLOB NOT NULL,
    at          INTEGER NOT NULL,
    finished_at INTEGER,
    undone_at   INTEGER,
    detail      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
