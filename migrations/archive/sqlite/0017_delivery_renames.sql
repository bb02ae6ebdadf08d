-- Whether files get their names when they are whole. Some servers rename nothing. A target without a value renames.
ALTER TABLE delivery_targets ADD COLUMN renames INTEGER;
