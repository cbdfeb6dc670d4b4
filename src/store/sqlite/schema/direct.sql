-- Whose direct conversation a room is: ids as a JSON list; null for all other rooms.

ALTER TABLE room ADD COLUMN people TEXT;
