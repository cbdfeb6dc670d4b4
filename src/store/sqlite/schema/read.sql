-- Up to where a member has read: the `seq` of the last entry they have seen, and the number of messages up to it.
-- Who was there before this was kept has read all there is.

ALTER TABLE member ADD COLUMN read_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN read_n INTEGER NOT NULL DEFAULT 0;

UPDATE member SET (read_seq, read_n) = (
    SELECT coalesce(max(seq), 0), coalesce(max(n), 0) FROM (
        SELECT seq, n FROM entry WHERE log = CAST(x'72' || room AS BLOB) ORDER BY seq DESC LIMIT 1
    )
);
