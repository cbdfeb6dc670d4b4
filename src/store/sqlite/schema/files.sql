-- What is known of files; their bytes lie elsewhere, under the id. `room` and `seq` are the message that one is attached
-- to. One that has `gone_at` is to go: first its bytes, then its row.

CREATE TABLE file (
    id      BLOB PRIMARY KEY NOT NULL,
    owner   BLOB NOT NULL,
    name    TEXT NOT NULL,
    type    TEXT NOT NULL,
    size    INTEGER NOT NULL,
    sha256  BLOB NOT NULL,
    width   INTEGER,
    height  INTEGER,
    at      INTEGER NOT NULL,
    room    BLOB,
    seq     INTEGER,
    gone_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX file_owner ON file (owner, id);
CREATE INDEX file_place ON file (room, seq) WHERE room IS NOT NULL;
CREATE INDEX file_unused ON file (id) WHERE room IS NULL AND gone_at IS NULL;
CREATE INDEX file_gone ON file (gone_at, id) WHERE gone_at IS NOT NULL;
