-- What it takes to reach an S3 service beside its bucket; the secret is sealed in the vault.
ALTER TABLE delivery_targets ADD COLUMN endpoint TEXT;
ALTER TABLE delivery_targets ADD COLUMN region TEXT;
ALTER TABLE delivery_targets ADD COLUMN access_key_id TEXT;
