-- The secrets that sign the messages of webhooks, sealed by the tenant's key of that version. After a
-- rotation, the earlier secret also signs until `valid_until`.
CREATE TABLE webhook_secrets (
    tenant_id   BLOB NOT NULL,
    webhook_id  BLOB NOT NULL,
    id          BLOB NOT NULL,
    sealed      BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    valid_until TEXT,
    PRIMARY KEY (tenant_id, webhook_id, id)
) STRICT;
