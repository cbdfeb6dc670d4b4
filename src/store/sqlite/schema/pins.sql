-- That a message is pinned lies over it: by which entry, by whom, and when.

ALTER TABLE overlay ADD COLUMN pin_seq INTEGER;
ALTER TABLE overlay ADD COLUMN pinned_by BLOB;
ALTER TABLE overlay ADD COLUMN pinned_at INTEGER;

CREATE INDEX overlay_pin ON overlay (room, pin_seq) WHERE pin_seq IS NOT NULL;
