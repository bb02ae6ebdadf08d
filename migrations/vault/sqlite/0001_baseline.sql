-- The vault contains the identifiers, and the keys of everything that is sealed.

-- The keys of a tenant, wrapped by the master key with this id. The key `seal` seals values, and the key
-- `index` makes the keyed hashes by which values are found. The key `service` of the tenant with the nil
-- id seals cursors. The key `journal` seals the tenant's objects of the erasure journal.
CREATE TABLE keysets (
    tenant_id   BLOB NOT NULL,
    purpose     TEXT NOT NULL CHECK (purpose IN ('seal', 'index', 'service', 'journal')),
    key_version INTEGER NOT NULL,
    master_id   TEXT NOT NULL,
    wrapped     BLOB NOT NULL,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, purpose, key_version)
) STRICT;

-- An identifier is found by its keyed hash, which covers its kind, and read only by opening its sealed
-- value. A name is bound to the id of a number or an address, or to its record if it has neither. A pass
-- marks orphans as retired before it deletes them, and a write that uses one clears the mark.
CREATE TABLE identifiers (
    tenant_id   BLOB NOT NULL,
    id          BLOB NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('phone', 'email', 'name')),
    bound_to    BLOB,
    index_hash  BLOB NOT NULL,
    sealed      BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    retired     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, index_hash)
) STRICT;

-- A keyed hash is forgotten up to the cut-off, so that late data arrive forgotten (A28). The targets are
-- bits: 1 archive, 2 SMS survey, 4 raw data.
CREATE TABLE erasures (
    tenant_id  BLOB NOT NULL,
    index_hash BLOB NOT NULL,
    request_id BLOB NOT NULL,
    cutoff     TEXT NOT NULL,
    targets    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, index_hash, request_id)
) STRICT;
CREATE INDEX erasures_request ON erasures (tenant_id, request_id);

-- The key of each object of content, wrapped by the tenant's key of that version. A generation belongs to
-- one piece of content only. Without its row, every copy of the object is unreadable.
CREATE TABLE content_keys (
    tenant_id   BLOB NOT NULL,
    content_id  BLOB NOT NULL,
    generation  BLOB NOT NULL,
    wrapped     BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, generation)
) STRICT;

-- The public key that a tenant's recordings are encrypted with. It is in the vault because a
-- certificate may name its owner.
CREATE TABLE recording_keys (
    tenant_id   BLOB NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('openpgp', 'x509')),
    fingerprint TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    expires_at  TEXT,
    certificate BLOB NOT NULL,
    created_at  TEXT NOT NULL
) STRICT;

-- The secret of a tenant's delivery target, sealed by the tenant's key of that version.
CREATE TABLE delivery_secrets (
    tenant_id   BLOB NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('password', 'private_key')),
    sealed      BLOB NOT NULL,
    key_version INTEGER NOT NULL
) STRICT;

-- The objects of the erasure journal that this database knows. An object without a row tells of a restore
-- or of a killed process. A row without an object tells of a lost journal. The archive has the same tables.
CREATE TABLE journal_entries (
    tenant_id BLOB NOT NULL,
    seq       INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    pass_id   BLOB,
    hash      BLOB NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) STRICT;

-- The same for the objects that list deleted content.
CREATE TABLE journal_contents (
    tenant_id BLOB NOT NULL,
    id        BLOB NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
