-- Whether files get their names when they are whole. Some servers rename nothing.
ALTER TABLE delivery_targets ADD COLUMN renames INTEGER NOT NULL DEFAULT 1;
