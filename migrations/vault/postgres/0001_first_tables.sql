-- The keys of a tenant, wrapped by the master key. purpose: `seal` for values, `index` for the keyed hash.
CREATE TABLE keysets (
    tenant_id   UUID NOT NULL,
    purpose     TEXT NOT NULL CHECK (purpose IN ('seal', 'index')),
    key_version INTEGER NOT NULL,
    wrapped     BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, purpose, key_version)
);

-- Identifiers: found by their keyed hash, which covers the kind; readable only when unsealed.
CREATE TABLE identifiers (
    tenant_id   UUID NOT NULL,
    id          UUID NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('phone', 'email', 'name')),
    index_hash  BYTEA NOT NULL,
    sealed      BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    retired     BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, index_hash)
);

-- What was forgotten up to when, so that late data arrive forgotten (A28). targets: bits 1 archive, 2 SMS survey, 4 raw data.
CREATE TABLE erasures (
    tenant_id  UUID NOT NULL,
    index_hash BYTEA NOT NULL,
    request_id UUID NOT NULL,
    cutoff     TIMESTAMPTZ NOT NULL,
    targets    SMALLINT NOT NULL,
    PRIMARY KEY (tenant_id, index_hash, request_id)
);
CREATE INDEX erasures_request ON erasures (tenant_id, request_id);
