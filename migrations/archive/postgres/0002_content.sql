-- What belongs to an interaction: recordings and the like. The bytes lie sealed in the object store under the row's id, and
-- the key of each in the vault. A row holds no identifier and no identifier id.
CREATE TABLE contents (
    tenant_id      UUID NOT NULL,
    id             UUID NOT NULL,
    interaction_id UUID NOT NULL,
    kind           TEXT NOT NULL,
    media_type     TEXT NOT NULL,
    size           BIGINT NOT NULL,
    sha256         BYTEA NOT NULL,
    sensitivity    TEXT NOT NULL CHECK (sensitivity IN ('normal', 'restricted', 'sensitive')),
    encrypted_for  TEXT,
    created_at     TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX contents_interaction ON contents (tenant_id, interaction_id, created_at, id);

-- One-time addresses of content: the hash of what the address holds, for whom it was made, and why.
CREATE TABLE content_tickets (
    tenant_id   UUID NOT NULL,
    ticket_hash BYTEA NOT NULL,
    content_id  UUID NOT NULL,
    actor_sub   TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    purpose     TEXT,
    expires_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, ticket_hash)
);
CREATE INDEX content_tickets_expiry ON content_tickets (tenant_id, expires_at);

-- The one deletion of many that a tenant has at a time; one whose process died ends by itself.
CREATE TABLE content_batches (
    tenant_id  UUID NOT NULL PRIMARY KEY,
    batch_id   UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
