-- Keys that sign are keys of a tenant, or of the service, with purposes of their own. The program knows
-- the purposes.
ALTER TABLE keysets DROP CONSTRAINT keysets_purpose_check;
