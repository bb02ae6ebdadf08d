-- A recipient is a set of clients that see tokens of their own. Its key is in the vault, under the
-- version that this row names.
CREATE TABLE recipients (
    tenant_id    BLOB NOT NULL,
    id           BLOB NOT NULL,
    name         TEXT NOT NULL,
    record_ids   TEXT NOT NULL CHECK (record_ids IN ('own', 'shared')),
    time         TEXT NOT NULL CHECK (time IN ('second', 'hour')),
    external_ids TEXT NOT NULL CHECK (external_ids IN ('hidden', 'shown')),
    key_version  INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    rotated_at   TEXT NOT NULL,
    version      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) STRICT;
CREATE INDEX recipients_created ON recipients (tenant_id, created_at, id);

-- The clients of recipients. A client belongs to one recipient at most.
CREATE TABLE recipient_clients (
    tenant_id    BLOB NOT NULL,
    issuer       TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    recipient_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, issuer, client_id)
) STRICT;
CREATE INDEX recipient_clients_recipient ON recipient_clients (tenant_id, recipient_id);
