-- What the file is of: its version, and the incarnation of the store.
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
-- The rooms, and up to which entry each is indexed.
CREATE TABLE room (num INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, upto INTEGER NOT NULL);
-- The messages. `id` is by time (`apply::place`); `words` and `tags` are what the index was given, which taking
-- it out again needs.
CREATE TABLE doc (
    id INTEGER PRIMARY KEY, room INTEGER NOT NULL, seq INTEGER NOT NULL, words TEXT NOT NULL, tags TEXT NOT NULL
);
CREATE UNIQUE INDEX doc_by_seq ON doc (room, seq);
-- Words come folded and apart, so the simplest tokenizer will do. No sizes are kept: nothing is weighed by them.
CREATE VIRTUAL TABLE found USING fts5 (
    words, tags, content = 'doc', content_rowid = 'id', tokenize = 'ascii', prefix = '2 3', columnsize = 0
);
-- What is taken out is gone from the file, not only marked.
INSERT INTO found (found, rank) VALUES ('secure-delete', 1);
