-- Texts are stored without the identifiers in them, and recordings may be ciphertext: what is stored has a size of its own.
-- `at` is when the interaction happened. The digest of a text that held an identifier is not kept: a short text can be
-- guessed from it.
ALTER TABLE contents ALTER COLUMN sha256 DROP NOT NULL;
ALTER TABLE contents ADD COLUMN stored_size BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contents ADD COLUMN duration_ms BIGINT;
ALTER TABLE contents ADD COLUMN at TIMESTAMPTZ NOT NULL DEFAULT '1970-01-01T00:00:00Z';
UPDATE contents SET stored_size = size;
UPDATE contents SET at = i.at FROM interactions i WHERE i.tenant_id = contents.tenant_id AND i.id = contents.interaction_id;
ALTER TABLE contents ALTER COLUMN stored_size DROP DEFAULT;
ALTER TABLE contents ALTER COLUMN at DROP DEFAULT;
CREATE INDEX contents_age ON contents (tenant_id, kind, at, id);

-- Where a tenant's recordings are delivered to: the address without secrets, which are sealed in the vault.
CREATE TABLE delivery_targets (
    tenant_id  UUID NOT NULL PRIMARY KEY,
    url        TEXT NOT NULL,
    host_key   TEXT,
    updated_at TIMESTAMPTZ NOT NULL
);

-- The outbox: one row for each recording of a tenant with a target, written with the recording's own row. claim is the
-- token of whoever works on it, until claimed_until. file_names is a JSON array of what was delivered; no name in it holds
-- an identifier.
CREATE TABLE deliveries (
    tenant_id      UUID NOT NULL,
    id             UUID NOT NULL,
    content_id     UUID NOT NULL,
    interaction_id UUID NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'held', 'cancelled')),
    attempts       INTEGER NOT NULL,
    next_at        TIMESTAMPTZ NOT NULL,
    claim          UUID,
    claimed_until  TIMESTAMPTZ,
    last_error     TEXT,
    file_names     TEXT NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL,
    delivered_at   TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX deliveries_created ON deliveries (tenant_id, created_at, id);
CREATE INDEX deliveries_state ON deliveries (tenant_id, state, created_at, id);
CREATE INDEX deliveries_due ON deliveries (tenant_id, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_content ON deliveries (tenant_id, content_id);
CREATE INDEX deliveries_interaction ON deliveries (tenant_id, interaction_id);
