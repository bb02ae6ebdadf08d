-- A reveal is a user's wish to see the values of some tokens, for a purpose. It contains no value. An
-- expired one has the status that it had before: the program compares `expires_at`.
CREATE TABLE reveals (
    tenant_id  UUID NOT NULL,
    id         UUID NOT NULL,
    issuer     TEXT NOT NULL,
    user_sub   TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('waiting', 'granted', 'denied', 'revoked')),
    purpose    TEXT NOT NULL,
    ticket     TEXT,
    tokens     INTEGER NOT NULL,
    openings   INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMPTZ,
    comment    TEXT,
    version    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX reveals_created ON reveals (tenant_id, created_at, id);
CREATE INDEX reveals_status ON reveals (tenant_id, status, created_at, id);

-- The tokens of a reveal, until a day after it has expired. `token` is the id in the token, as the user
-- sent it. The identifier is NULL if the vault did not know the token, and from the pass on that
-- forgets the customer.
CREATE TABLE reveal_items (
    tenant_id     UUID NOT NULL,
    reveal_id     UUID NOT NULL,
    n             INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    token         UUID NOT NULL,
    known         BOOLEAN NOT NULL,
    identifier_id UUID,
    PRIMARY KEY (tenant_id, reveal_id, n)
);
CREATE INDEX reveal_items_identifier ON reveal_items (tenant_id, identifier_id) WHERE identifier_id IS NOT NULL;

-- How many values a user has opened on a local day.
CREATE TABLE reveal_days (
    tenant_id UUID NOT NULL,
    issuer    TEXT NOT NULL,
    user_sub  TEXT NOT NULL,
    day       DATE NOT NULL,
    opened    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, issuer, user_sub, day)
);
