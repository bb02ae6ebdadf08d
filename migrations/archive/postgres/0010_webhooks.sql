-- The webhooks of a tenant. Their secrets are sealed in the vault. The bits of `events` are the kinds of
-- events that a webhook gets. A worker sends nothing to it before `paused_until`.
CREATE TABLE webhooks (
    tenant_id       UUID NOT NULL,
    id              UUID NOT NULL,
    url             TEXT NOT NULL,
    events          INTEGER NOT NULL,
    recipient_id    UUID,
    enabled         BOOLEAN NOT NULL,
    disabled_reason TEXT,
    failing_since   TIMESTAMPTZ,
    paused_until    TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL,
    version         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX webhooks_created ON webhooks (tenant_id, created_at, id);

-- The outbox of events. A row is written in the transaction of its event, if a webhook gets events of
-- its kind. `data` is a JSON object of ids, states, and counts. An open event has no messages yet.
CREATE TABLE webhook_events (
    tenant_id UUID NOT NULL,
    id        UUID NOT NULL,
    kind      TEXT NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    data      TEXT NOT NULL,
    is_open   BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX webhook_events_open ON webhook_events (tenant_id, id) WHERE is_open;
CREATE INDEX webhook_events_kind ON webhook_events (tenant_id, kind, id);

-- The message of an event to one webhook. It has no body, which is written when it is sent. A worker
-- claims a row until claimed_until, and needs the claim to settle it.
CREATE TABLE webhook_messages (
    tenant_id     UUID NOT NULL,
    id            UUID NOT NULL,
    webhook_id    UUID NOT NULL,
    event_id      UUID NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'held')),
    attempts      INTEGER NOT NULL,
    next_at       TIMESTAMPTZ NOT NULL,
    claim         UUID,
    claimed_until TIMESTAMPTZ,
    last_error    TEXT,
    last_status   INTEGER,
    created_at    TIMESTAMPTZ NOT NULL,
    delivered_at  TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, webhook_id, event_id)
);
CREATE INDEX webhook_messages_created ON webhook_messages (tenant_id, webhook_id, created_at, id);
CREATE INDEX webhook_messages_state ON webhook_messages (tenant_id, webhook_id, state, created_at, id);
CREATE INDEX webhook_messages_due ON webhook_messages (tenant_id, webhook_id, next_at) WHERE state = 'pending';
