-- Texts are stored without the identifiers in them, and recordings may be ciphertext: what is stored has a size of its own.
-- `at` is when the interaction happened. The digest of a text that held an identifier is not kept: a short text can be
-- guessed from it. SQLite cannot drop NOT NULL, so the table is made anew.
CREATE TABLE contents_new (
    tenant_id      BLOB NOT NULL,
    id             BLOB NOT NULL,
    interaction_id BLOB NOT NULL,
    kind           TEXT NOT NULL,
    media_type     TEXT NOT NULL,
    size           INTEGER NOT NULL,
    sha256         BLOB,
    sensitivity    TEXT NOT NULL CHECK (sensitivity IN ('normal', 'restricted', 'sensitive')),
    encrypted_for  TEXT,
    created_at     TEXT NOT NULL,
    stored_size    INTEGER NOT NULL,
    duration_ms    INTEGER,
    at             TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
INSERT INTO contents_new
SELECT c.tenant_id, c.id, c.interaction_id, c.kind, c.media_type, c.size, c.sha256, c.sensitivity, c.encrypted_for,
       c.created_at, c.size, NULL, coalesce(i.at, c.created_at)
FROM contents c LEFT JOIN interactions i ON i.tenant_id = c.tenant_id AND i.id = c.interaction_id;
DROP TABLE contents;
ALTER TABLE contents_new RENAME TO contents;
CREATE INDEX contents_interaction ON contents (tenant_id, interaction_id, created_at, id);
CREATE INDEX contents_age ON contents (tenant_id, kind, at, id);

-- Where a tenant's recordings are delivered to: the address without secrets, which are sealed in the vault.
CREATE TABLE delivery_targets (
    tenant_id  BLOB NOT NULL PRIMARY KEY,
    url        TEXT NOT NULL,
    host_key   TEXT,
    updated_at TEXT NOT NULL
) STRICT;

-- The outbox: one row for each recording of a tenant with a target, written with the recording's own row. claim is the
-- token of whoever works on it, until claimed_until. file_names is a JSON array of what was delivered; no name in it holds
-- an identifier.
CREATE TABLE deliveries (
    tenant_id      BLOB NOT NULL,
    id             BLOB NOT NULL,
    content_id     BLOB NOT NULL,
    interaction_id BLOB NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'held', 'cancelled')),
    attempts       INTEGER NOT NULL,
    next_at        TEXT NOT NULL,
    claim          BLOB,
    claimed_until  TEXT,
    last_error     TEXT,
    file_names     TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL,
    delivered_at   TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX deliveries_created ON deliveries (tenant_id, created_at, id);
CREATE INDEX deliveries_state ON deliveries (tenant_id, state, created_at, id);
CREATE INDEX deliveries_due ON deliveries (tenant_id, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_content ON deliveries (tenant_id, content_id);
CREATE INDEX deliveries_interaction ON deliveries (tenant_id, interaction_id);
