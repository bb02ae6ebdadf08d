-- A customer's copy of their data. The row says which records the copy has, by the ids of a number and an
-- address. The copy itself is made while it is downloaded, so nothing of it is stored. A pass that forgets
-- the customer deletes the row. The notices are a JSON array of codes, which the approver reads. The issuer and
-- requested_by together name the user who ordered the copy.
CREATE TABLE access_exports (
    tenant_id          BLOB NOT NULL,
    id                 BLOB NOT NULL,
    phone_id           BLOB,
    email_id           BLOB,
    from_at            TEXT,
    to_at              TEXT NOT NULL,
    purpose            TEXT NOT NULL,
    ticket             TEXT,
    attestations       TEXT NOT NULL,
    notices            TEXT NOT NULL,
    include_recordings INTEGER NOT NULL,
    language           TEXT NOT NULL CHECK (language IN ('en', 'sv', 'nb')),
    status             TEXT NOT NULL CHECK (status IN ('waiting', 'ready', 'denied')),
    issuer             TEXT NOT NULL,
    requested_by       TEXT NOT NULL,
    requested_by_name  TEXT NOT NULL,
    decided_by         TEXT,
    decided_by_name    TEXT,
    decided_at         TEXT,
    created_at         TEXT NOT NULL,
    expires_at         TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX access_exports_created ON access_exports (tenant_id, created_at, id);
CREATE INDEX access_exports_expiry ON access_exports (tenant_id, expires_at);
CREATE INDEX access_exports_phone ON access_exports (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX access_exports_email ON access_exports (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- An address that downloads a copy once. Only the hash of a ticket is stored.
CREATE TABLE access_export_tickets (
    tenant_id   BLOB NOT NULL,
    ticket_hash BLOB NOT NULL,
    export_id   BLOB NOT NULL,
    actor_sub   TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, ticket_hash)
) STRICT;
CREATE INDEX access_export_tickets_expiry ON access_export_tickets (tenant_id, expires_at);
