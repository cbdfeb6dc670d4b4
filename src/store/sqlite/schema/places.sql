-- Entries lie by number. `pos` is the number of the log and, in its lower 38 bits, `seq` (`store/sqlite/place.rs`): the inner
-- pages of the tree have nothing but numbers, and a text may take a whole page before it needs another.
CREATE TABLE log (
    no  INTEGER PRIMARY KEY NOT NULL,
    key BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_key ON log (key);

INSERT INTO log (key) SELECT DISTINCT log FROM entry ORDER BY log;

ALTER TABLE entry RENAME TO entry_before;
ALTER TABLE txn RENAME TO txn_before;

CREATE TABLE entry (
    pos    INTEGER PRIMARY KEY NOT NULL,
    n      INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    id     BLOB NOT NULL,
    sender BLOB,
    txn    TEXT,
    digest BLOB,
    v      INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    data   TEXT NOT NULL
) STRICT;

INSERT INTO entry (pos, n, at, id, sender, txn, digest, v, kind, data)
    SELECT l.no << 38 | e.seq, e.n, e.at, e.id, e.sender, e.txn, e.digest, e.v, e.kind, e.data
    FROM log l CROSS JOIN entry_before e ON e.log = l.key;

-- By which `txn` an entry was made; `log` is the number. From here on the blocks of long logs are larger
-- (`store/sqlite/txns.rs`).
CREATE TABLE txn (
    log    INTEGER NOT NULL,
    sender BLOB NOT NULL,
    txn    TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (log, sender, txn)
) STRICT, WITHOUT ROWID;

INSERT INTO txn (log, sender, txn, seq)
    SELECT l.no, t.sender, t.txn, t.seq FROM log l CROSS JOIN txn_before t ON t.log = l.key;

DROP TABLE entry_before;
DROP TABLE txn_before;
