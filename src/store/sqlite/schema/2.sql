-- Roles as data, sanctions, reports, rules of rooms, bots and their tokens.

ALTER TABLE user ADD COLUMN bot INTEGER NOT NULL DEFAULT 0;
CREATE INDEX user_role ON user (role, status);

-- JSON; what is not in it is as usual.
ALTER TABLE room ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';

-- JSON, a list of permissions; of a bot's token only.
ALTER TABLE session ADD COLUMN scopes TEXT;
CREATE INDEX session_user ON session (user);

ALTER TABLE code ADD COLUMN room BLOB;
ALTER TABLE code ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;
ALTER TABLE code ADD COLUMN made_by BLOB;
CREATE INDEX code_kind ON code (kind, room, created_at);

-- Roles that operators made; `permissions` is JSON, a list of their names.
CREATE TABLE role (
    name        TEXT PRIMARY KEY NOT NULL,
    description TEXT,
    permissions TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who is muted or banned; `room` is empty for everywhere.
CREATE TABLE sanction (
    room    BLOB NOT NULL,
    user    BLOB NOT NULL,
    kind    TEXT NOT NULL,
    until   INTEGER,
    reason  TEXT,
    made_by BLOB,
    at      INTEGER NOT NULL,
    PRIMARY KEY (room, user, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE address_ban (
    network TEXT PRIMARY KEY NOT NULL,
    until   INTEGER,
    reason  TEXT,
    made_by BLOB,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE report (
    id          BLOB PRIMARY KEY NOT NULL,
    room        BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    message     BLOB NOT NULL,
    author      BLOB,
    made_by     BLOB NOT NULL,
    reason      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    state       TEXT NOT NULL,
    resolution  TEXT,
    resolved_by BLOB,
    resolved_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX report_once ON report (room, seq, made_by);
CREATE INDEX report_state ON report (state, id);
CREATE INDEX report_room_state ON report (room, state, id);
