-- Old entries of rooms, sealed; the runs that did it; and what must not be taken out.

-- A room's segments lie one after the other from its first entry on. `data` is the segment as
-- docs/archive-format.md has it, and nothing once it is purged.
CREATE TABLE segment (
    room        BLOB NOT NULL,
    last        INTEGER NOT NULL,
    first       INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    entries     INTEGER NOT NULL,
    messages    INTEGER NOT NULL,
    erased      INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    run         BLOB NOT NULL,
    purge_run   BLOB,
    purge_at    INTEGER,
    purged_at   INTEGER,
    restored_at INTEGER,
    data        BLOB,
    PRIMARY KEY (room, last)
) STRICT;

-- `detail` is JSON.
CREATE TABLE run (
    id          BLOB PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    finished_at INTEGER,
    detail      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- On a room or on a user.
CREATE TABLE hold (
    id      BLOB PRIMARY KEY NOT NULL,
    room    BLOB,
    user    BLOB,
    reason  TEXT NOT NULL,
    made_by BLOB,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
