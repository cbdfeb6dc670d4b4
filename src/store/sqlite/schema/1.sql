-- Ids are the 16 bytes of a UUID, times are milliseconds since 1970 UTC.

-- What was made with the store: `epoch`, `secret`.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The logs. `log` is 'c' (control), or 'u' or 'r' and the id of the user or room. Rows lie in the order
-- of their log, so reading history is reading on, and a message writes this tree and no other.
CREATE TABLE entry (
    log    BLOB NOT NULL,
    seq    INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    id     BLOB NOT NULL,
    sender BLOB,
    txn    TEXT,
    digest BLOB,
    v      INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    data   TEXT NOT NULL,
    PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX entry_txn ON entry (log, sender, txn) WHERE txn IS NOT NULL;

CREATE TABLE user (
    id           BLOB PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL,
    display_name TEXT,
    email        TEXT,
    email_login  INTEGER NOT NULL,
    role         TEXT NOT NULL,
    status       TEXT NOT NULL,
    password     TEXT,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX user_name ON user (name);
CREATE UNIQUE INDEX user_email ON user (email) WHERE email_login = 1;

CREATE TABLE room (
    id         BLOB PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    title      TEXT,
    topic      TEXT,
    history    TEXT NOT NULL,
    owner      BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX room_public ON room (name) WHERE kind = 'public' AND deleted_at IS NULL;
CREATE INDEX room_name ON room (name, id) WHERE deleted_at IS NULL;

CREATE TABLE member (
    room  BLOB NOT NULL,
    user  BLOB NOT NULL,
    role  TEXT NOT NULL,
    since INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_user ON member (user);

CREATE TABLE session (
    id         BLOB PRIMARY KEY NOT NULL,
    user       BLOB NOT NULL,
    device     TEXT,
    address    TEXT,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER,
    anchor     BLOB NOT NULL,
    current    BLOB NOT NULL,
    previous   BLOB,
    seed       BLOB NOT NULL,
    rotated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_open ON session (user, created_at) WHERE ended_at IS NULL;
CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL;

-- One-time codes, by digest.
CREATE TABLE code (
    hash       BLOB PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL,
    user       BLOB,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX code_user ON code (user) WHERE user IS NOT NULL;

-- Public halves of the keys that sign access tokens.
CREATE TABLE signing_key (
    kid        TEXT PRIMARY KEY NOT NULL,
    public     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
