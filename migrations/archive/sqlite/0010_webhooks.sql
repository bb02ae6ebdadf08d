-- The webhooks of a tenant. Their secrets are sealed in the vault. The bits of `events` are the kinds of
-- events that a webhook gets. A worker sends nothing to it before `paused_until`.
CREATE TABLE webhooks (
    tenant_id       BLOB NOT NULL,
    id              BLOB NOT NULL,
    url             TEXT NOT NULL,
    events          INTEGER NOT NULL,
    recipient_id    BLOB,
    enabled         INTEGER NOT NULL,
    disabled_reason TEXT,
    failing_since   TEXT,
    paused_until    TEXT,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    version         INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX webhooks_created ON webhooks (tenant_id, created_at, id);

-- The outbox of events. A row is written in the transaction of its event, if a webhook gets events of
-- its kind. `data` is a JSON object of ids, states, and counts. An open event has no messages yet.
CREATE TABLE webhook_events (
    tenant_id BLOB NOT NULL,
    id        BLOB NOT NULL,
    kind      TEXT NOT NULL,
    at        TEXT NOT NULL,
    data      TEXT NOT NULL,
    is_open   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX webhook_events_open ON webhook_events (tenant_id, id) WHERE is_open;
CREATE INDEX webhook_events_kind ON webhook_events (tenant_id, kind, id);

-- The message of an event to one webhook. It has no body, which is written when it is sent. A worker
-- claims a row until claimed_until, and needs the claim to settle it.
CREATE TABLE webhook_messages (
    tenant_id     BLOB NOT NULL,
    id            BLOB NOT NULL,
    webhook_id    BLOB NOT NULL,
    event_id      BLOB NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'held')),
    attempts      INTEGER NOT NULL,
    next_at       TEXT NOT NULL,
    claim         BLOB,
    claimed_until TEXT,
    last_error    TEXT,
    last_status   INTEGER,
    created_at    TEXT NOT NULL,
    delivered_at  TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, webhook_id, event_id)
) STRICT;
CREATE INDEX webhook_messages_created ON webhook_messages (tenant_id, webhook_id, created_at, id);
CREATE INDEX webhook_messages_state ON webhook_messages (tenant_id, webhook_id, state, created_at, id);
CREATE INDEX webhook_messages_due ON webhook_messages (tenant_id, webhook_id, next_at) WHERE state = 'pending';
