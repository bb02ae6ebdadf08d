-- The public key that a tenant's recordings are encrypted with. A certificate may name its owner, so it lies here.
CREATE TABLE recording_keys (
    tenant_id   UUID NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('openpgp', 'x509')),
    fingerprint TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    expires_at  TIMESTAMPTZ,
    certificate BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);

-- How the service gets into a tenant's delivery target, sealed by the tenant's key of the version named.
CREATE TABLE delivery_secrets (
    tenant_id   UUID NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('password', 'private_key')),
    sealed      BYTEA NOT NULL,
    key_version INTEGER NOT NULL
);
