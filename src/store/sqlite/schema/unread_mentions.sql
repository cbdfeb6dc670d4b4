-- What is unread of where somebody was mentioned is looked up by room. `author` is who wrote the message: what one says to
-- everyone oneself is no mention. It is not known of what was said before.

ALTER TABLE mention ADD COLUMN author BLOB;

CREATE INDEX mention_place ON mention (whom, room, seq);
