-- Keys that sign are keys of a tenant, or of the service, with purposes of their own. The program knows
-- the purposes.
CREATE TABLE keysets_of_any_purpose (
    tenant_id   BLOB NOT NULL,
    purpose     TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    master_id   TEXT NOT NULL,
    wrapped     BLOB NOT NULL,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, purpose, key_version)
) STRICT;
INSERT INTO keysets_of_any_purpose SELECT tenant_id, purpose, key_version, master_id, wrapped, created_at FROM keysets;
DROP TABLE keysets;
ALTER TABLE keysets_of_any_purpose RENAME TO keysets;
