-- Whether files get their names when they are whole. Some servers rename nothing.
ALTER TABLE delivery_targets ADD COLUMN renames BOOLEAN NOT NULL DEFAULT TRUE;
