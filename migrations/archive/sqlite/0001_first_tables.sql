-- One contact-centre customer of the service. A reference table where the archive is distributed.
CREATE TABLE tenants (
    tenant_id  BLOB NOT NULL PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    region     TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    targets    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

-- The fence between what comes in and what the night takes out: it grows whenever the vault has changed its mind.
CREATE TABLE epochs (
    tenant_id BLOB NOT NULL PRIMARY KEY,
    epoch     INTEGER NOT NULL
) STRICT;

-- The three kinds of records share their first columns, so that one statement forgets in each of them:
-- `at` is started_at, answered_at or occurred_at; `forgotten` has a bit per slot that was cut
-- (1 phone, 2 email, 4 name, 8 a mention in its texts) and survives every re-import.
CREATE TABLE interactions (
    tenant_id   BLOB NOT NULL,
    id          BLOB NOT NULL,
    external_id TEXT NOT NULL,
    at          TEXT NOT NULL,
    phone_id    BLOB,
    email_id    BLOB,
    name_id     BLOB,
    forgotten   INTEGER NOT NULL,
    ended_at    TEXT,
    channel     TEXT NOT NULL,
    direction   TEXT,
    queue       TEXT,
    agent_id    TEXT,
    outcome     TEXT,
    attributes  TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, external_id)
) STRICT;
CREATE INDEX interactions_at ON interactions (tenant_id, at, id);
CREATE INDEX interactions_channel ON interactions (tenant_id, channel, at, id);
CREATE INDEX interactions_queue ON interactions (tenant_id, queue, at, id) WHERE queue IS NOT NULL;
CREATE INDEX interactions_agent ON interactions (tenant_id, agent_id, at, id) WHERE agent_id IS NOT NULL;
CREATE INDEX interactions_phone ON interactions (tenant_id, phone_id, at, id) WHERE phone_id IS NOT NULL;
CREATE INDEX interactions_email ON interactions (tenant_id, email_id, at, id) WHERE email_id IS NOT NULL;
CREATE INDEX interactions_name ON interactions (tenant_id, name_id, at, id) WHERE name_id IS NOT NULL;

CREATE TABLE survey_responses (
    tenant_id               BLOB NOT NULL,
    id                      BLOB NOT NULL,
    external_id             TEXT NOT NULL,
    at                      TEXT NOT NULL,
    phone_id                BLOB,
    email_id                BLOB,
    name_id                 BLOB,
    forgotten               INTEGER NOT NULL,
    interaction_external_id TEXT,
    score                   INTEGER,
    comment                 TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, external_id)
) STRICT;
CREATE INDEX survey_responses_at ON survey_responses (tenant_id, at, id);
CREATE INDEX survey_responses_phone ON survey_responses (tenant_id, phone_id, at, id) WHERE phone_id IS NOT NULL;
CREATE INDEX survey_responses_email ON survey_responses (tenant_id, email_id, at, id) WHERE email_id IS NOT NULL;
CREATE INDEX survey_responses_name ON survey_responses (tenant_id, name_id, at, id) WHERE name_id IS NOT NULL;

CREATE TABLE raw_events (
    tenant_id               BLOB NOT NULL,
    id                      BLOB NOT NULL,
    external_id             TEXT NOT NULL,
    at                      TEXT NOT NULL,
    phone_id                BLOB,
    email_id                BLOB,
    name_id                 BLOB,
    forgotten               INTEGER NOT NULL,
    interaction_external_id TEXT,
    event                   TEXT NOT NULL,
    attributes              TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, external_id)
) STRICT;
CREATE INDEX raw_events_at ON raw_events (tenant_id, at, id);
CREATE INDEX raw_events_phone ON raw_events (tenant_id, phone_id, at, id) WHERE phone_id IS NOT NULL;
CREATE INDEX raw_events_email ON raw_events (tenant_id, email_id, at, id) WHERE email_id IS NOT NULL;
CREATE INDEX raw_events_name ON raw_events (tenant_id, name_id, at, id) WHERE name_id IS NOT NULL;

-- What placeholder n of a record's texts stands for; NULL once it was forgotten.
-- target: 0 the comment of a request, 1 interactions, 2 survey responses, 3 raw events.
CREATE TABLE mentions (
    tenant_id     BLOB NOT NULL,
    target        INTEGER NOT NULL,
    record_id     BLOB NOT NULL,
    n             INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    at            TEXT NOT NULL,
    identifier_id BLOB,
    PRIMARY KEY (tenant_id, target, record_id, n)
) STRICT;
CREATE INDEX mentions_identifier ON mentions (tenant_id, identifier_id, target, at) WHERE identifier_id IS NOT NULL;

-- Anonymize requests (A1). While one waits, the ids lead to its identifiers; when it is done, only the masks are left.
CREATE TABLE requests (
    tenant_id  BLOB NOT NULL,
    id         BLOB NOT NULL,
    phone_id   BLOB,
    email_id   BLOB,
    phone_mask TEXT,
    email_mask TEXT,
    to_date    TEXT NOT NULL,
    entry_day  TEXT NOT NULL,
    due_at     TEXT NOT NULL,
    comment    TEXT,
    targets    INTEGER NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('waiting', 'done')),
    user_name  TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    last_error TEXT,
    pass_id    BLOB,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    done_at    TEXT,
    version    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX requests_created ON requests (tenant_id, created_at, id);
CREATE INDEX requests_status ON requests (tenant_id, status, created_at, id);
CREATE INDEX requests_due ON requests (tenant_id, due_at) WHERE status = 'waiting';
CREATE INDEX requests_pass ON requests (tenant_id, pass_id, id) WHERE pass_id IS NOT NULL;
CREATE INDEX requests_phone ON requests (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX requests_email ON requests (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- How many records of each target a request made anonymous.
CREATE TABLE request_counts (
    tenant_id  BLOB NOT NULL,
    request_id BLOB NOT NULL,
    target     INTEGER NOT NULL,
    anonymized INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, request_id, target)
) STRICT;

-- Answers that a repeated POST gets again: keyed hashes and ids, never a body.
CREATE TABLE idempotency_keys (
    tenant_id  BLOB NOT NULL,
    key_hash   BLOB NOT NULL,
    body_hash  BLOB NOT NULL,
    answer     TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, key_hash)
) STRICT;
CREATE INDEX idempotency_keys_created ON idempotency_keys (tenant_id, created_at);

-- Append-only. No identifier and no identifier id stands in it.
CREATE TABLE audit_events (
    tenant_id  BLOB NOT NULL,
    id         BLOB NOT NULL,
    at         TEXT NOT NULL,
    actor_sub  TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    purpose    TEXT,
    records    INTEGER NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX audit_events_at ON audit_events (tenant_id, at, id);

CREATE TABLE job_runs (
    tenant_id   BLOB NOT NULL,
    id          BLOB NOT NULL,
    job         TEXT NOT NULL,
    as_of       TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    status      TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'incomplete', 'failed')),
    report      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX job_runs_started ON job_runs (tenant_id, started_at, id);

-- Who works for a tenant, until when (milliseconds since 1970, the database's clock). A local table where the archive
-- is distributed.
CREATE TABLE leases (
    tenant_id BLOB NOT NULL PRIMARY KEY,
    holder    TEXT NOT NULL,
    token     INTEGER NOT NULL,
    until_ms  INTEGER NOT NULL
) STRICT;

-- A pass of the night over one tenant, and how far it came: a killed one goes on here.
CREATE TABLE passes (
    tenant_id   BLOB NOT NULL,
    id          BLOB NOT NULL,
    as_of       TEXT NOT NULL,
    step        TEXT NOT NULL,
    position    INTEGER NOT NULL,
    position_at TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- Which request of a pass selects what, up to when.
CREATE TABLE pass_selections (
    tenant_id     BLOB NOT NULL,
    pass_id       BLOB NOT NULL,
    target        INTEGER NOT NULL,
    identifier_id BLOB NOT NULL,
    request_id    BLOB NOT NULL,
    cutoff        TEXT NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, target, identifier_id, request_id)
) STRICT;

-- One row per identifier and target with its latest cut-off, in the order in which the pass walks them.
CREATE TABLE pass_work (
    tenant_id     BLOB NOT NULL,
    pass_id       BLOB NOT NULL,
    no            INTEGER NOT NULL,
    target        INTEGER NOT NULL,
    component     INTEGER NOT NULL,
    identifier_id BLOB NOT NULL,
    cutoff        TEXT NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, no),
    UNIQUE (tenant_id, pass_id, target, identifier_id)
) STRICT;

-- The mentions that one chunk is about to cut: filled and emptied within its transaction. slot is a mention's number.
CREATE TABLE pass_hits (
    tenant_id     BLOB NOT NULL,
    record_id     BLOB NOT NULL,
    slot          INTEGER NOT NULL,
    identifier_id BLOB NOT NULL,
    at            TEXT NOT NULL,
    PRIMARY KEY (tenant_id, record_id, slot)
) STRICT;

-- Identifiers that a pass took out of a record: candidates for leaving the vault.
CREATE TABLE pass_released (
    tenant_id     BLOB NOT NULL,
    pass_id       BLOB NOT NULL,
    identifier_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, identifier_id)
) STRICT;

-- How far the rolling check for orphans walked the vault.
CREATE TABLE sweeps (
    tenant_id BLOB NOT NULL PRIMARY KEY,
    position  BLOB NOT NULL
) STRICT;
