-- By which `txn` an entry was made, to find what is repeated. The txns of a log come here a block of entries at a time
-- (`store/sqlite/txns.rs`); those of its last, unfinished block are looked for in `entry`. So what is said in many rooms
-- at once is written into one tree, and not into two.
CREATE TABLE txn (
    log    BLOB NOT NULL,
    sender BLOB NOT NULL,
    txn    TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (log, sender, txn)
) STRICT, WITHOUT ROWID;

INSERT INTO txn (log, sender, txn, seq)
    SELECT log, sender, txn, seq FROM entry WHERE txn IS NOT NULL AND sender IS NOT NULL;

DROP INDEX entry_txn;
