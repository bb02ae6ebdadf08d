-- The vault contains the identifiers, and the keys of everything that is sealed.

-- The keys of a tenant, wrapped by the master key with this id. The key `seal` seals values, and the key
-- `index` makes the keyed hashes by which values are found. The key `service` of the tenant with the nil
-- id seals cursors. The key `journal` seals the tenant's objects of the erasure journal.
CREATE TABLE keysets (
    tenant_id   UUID NOT NULL,
    purpose     TEXT NOT NULL CHECK (purpose IN ('seal', 'index', 'service', 'journal')),
    key_version INTEGER NOT NULL,
    master_id   TEXT NOT NULL,
    wrapped     BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, purpose, key_version)
);

-- An identifier is found by its keyed hash, which covers its kind, and read only by opening its sealed
-- value. A name is bound to the id of a number or an address, or to its record if it has neither. A pass
-- marks orphans as retired before it deletes them, and a write that uses one clears the mark.
CREATE TABLE identifiers (
    tenant_id   UUID NOT NULL,
    id          UUID NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('phone', 'email', 'name')),
    bound_to    UUID,
    index_hash  BYTEA NOT NULL,
    sealed      BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    retired     BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, index_hash)
);

-- A keyed hash is forgotten up to the cut-off, so that late data arrive forgotten (A28). The targets are
-- bits: 1 archive, 2 SMS survey, 4 raw data.
CREATE TABLE erasures (
    tenant_id  UUID NOT NULL,
    index_hash BYTEA NOT NULL,
    request_id UUID NOT NULL,
    cutoff     TIMESTAMPTZ NOT NULL,
    targets    SMALLINT NOT NULL,
    PRIMARY KEY (tenant_id, index_hash, request_id)
);
CREATE INDEX erasures_request ON erasures (tenant_id, request_id);

-- The key of each object of content, wrapped by the tenant's key of that version. A generation belongs to
-- one piece of content only. Without its row, every copy of the object is unreadable.
CREATE TABLE content_keys (
    tenant_id   UUID NOT NULL,
    content_id  UUID NOT NULL,
    generation  UUID NOT NULL,
    wrapped     BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, generation)
);

-- The public key that a tenant's recordings are encrypted with. It is in the vault because a
-- certificate may name its owner.
CREATE TABLE recording_keys (
    tenant_id   UUID NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('openpgp', 'x509')),
    fingerprint TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    expires_at  TIMESTAMPTZ,
    certificate BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);

-- The secret of a tenant's delivery target, sealed by the tenant's key of that version.
CREATE TABLE delivery_secrets (
    tenant_id   UUID NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('password', 'private_key')),
    sealed      BYTEA NOT NULL,
    key_version INTEGER NOT NULL
);

-- The objects of the erasure journal that this database knows. An object without a row tells of a restore
-- or of a killed process. A row without an object tells of a lost journal. The archive has the same tables.
CREATE TABLE journal_entries (
    tenant_id UUID NOT NULL,
    seq       BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    pass_id   UUID,
    hash      BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

-- The same for the objects that list deleted content.
CREATE TABLE journal_contents (
    tenant_id UUID NOT NULL,
    id        UUID NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
