-- Where who was mentioned: `whom` is a user, or a room for everyone who is in it; `message` is the id of the message,
-- by which they are in the order of time.

CREATE TABLE mention (
    whom    BLOB NOT NULL,
    message BLOB NOT NULL,
    room    BLOB NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (whom, message)
) STRICT, WITHOUT ROWID;
