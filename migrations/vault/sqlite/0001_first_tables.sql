-- The keys of a tenant, wrapped by the master key. purpose: `seal` for values, `index` for the keyed hash.
CREATE TABLE keysets (
    tenant_id   BLOB NOT NULL,
    purpose     TEXT NOT NULL CHECK (purpose IN ('seal', 'index')),
    key_version INTEGER NOT NULL,
    wrapped     BLOB NOT NULL,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, purpose, key_version)
) STRICT;

-- Identifiers: found by their keyed hash, which covers the kind; readable only when unsealed.
CREATE TABLE identifiers (
    tenant_id   BLOB NOT NULL,
    id          BLOB NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('phone', 'email', 'name')),
    index_hash  BLOB NOT NULL,
    sealed      BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    retired     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, index_hash)
) STRICT;

-- What was forgotten up to when, so that late data arrive forgotten (A28). targets: bits 1 archive, 2 SMS survey, 4 raw data.
CREATE TABLE erasures (
    tenant_id  BLOB NOT NULL,
    index_hash BLOB NOT NULL,
    request_id BLOB NOT NULL,
    cutoff     TEXT NOT NULL,
    targets    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, index_hash, request_id)
) STRICT;
CREATE INDEX erasures_request ON erasures (tenant_id, request_id);
