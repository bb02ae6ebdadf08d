-- The secrets that sign the messages of webhooks, sealed by the tenant's key of that version. After a
-- rotation, the earlier secret also signs until `valid_until`.
CREATE TABLE webhook_secrets (
    tenant_id   UUID NOT NULL,
    webhook_id  UUID NOT NULL,
    id          UUID NOT NULL,
    sealed      BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    valid_until TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, webhook_id, id)
);
