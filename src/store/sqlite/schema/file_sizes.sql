-- The largest files first, and how many bytes all of them have, without a look at any of their rows.

CREATE INDEX file_size ON file (size, id);
