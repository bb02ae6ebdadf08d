-- The archive contains no identifier: no phone number, no e-mail address, and no name. Columns named
-- phone_id, email_id, name_id, and identifier_id contain ids of the vault, without a foreign key,
-- because the vault is another database. Every key and index begins with tenant_id, so that the
-- archive can be distributed by tenant.

-- A tenant is one contact centre. This is a reference table where the archive is distributed, so its
-- slug may be unique over all tenants.
CREATE TABLE tenants (
    tenant_id  UUID NOT NULL PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    region     TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    targets    SMALLINT NOT NULL,
    settings   TEXT NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- The epoch fence. A pass writes a new random epoch after each change of the vault, and a write that read
-- the vault under another epoch begins again. It is random so that no restored backup has an epoch that
-- a running write has read.
CREATE TABLE epochs (
    tenant_id UUID NOT NULL PRIMARY KEY,
    epoch     BIGINT NOT NULL
);

-- The three kinds of records share their first columns, so that one statement unlinks in each of
-- them. `at` is started_at, answered_at, or occurred_at. `forgotten` has a bit for each reference
-- that was unlinked (1 phone, 2 email, 4 name, 8 a mention in the record's texts), and bit 16 where
-- an interaction accepts no more content. No later write of the record clears a bit.
-- Every write that changes the record sets `changed_at`. A pass sets it to the next full hour, so that
-- it does not tell which records were unlinked together. `cell_key` is a random number that the record
-- keeps, by which records are picked without regard to what they contain.
CREATE TABLE interactions (
    tenant_id   UUID NOT NULL,
    id          UUID NOT NULL,
    external_id TEXT NOT NULL,
    at          TIMESTAMPTZ NOT NULL,
    phone_id    UUID,
    email_id    UUID,
    name_id     UUID,
    forgotten   SMALLINT NOT NULL,
    changed_at  TIMESTAMPTZ NOT NULL,
    cell_key    BIGINT NOT NULL,
    ended_at    TIMESTAMPTZ,
    channel     TEXT NOT NULL,
    direction   TEXT,
    queue       TEXT,
    agent_id    TEXT,
    outcome     TEXT,
    attributes  TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, external_id)
);
-- A search reads its page along one of these indexes, in the order of time and id, or of the last
-- change and id.
CREATE INDEX interactions_at ON interactions (tenant_id, at, id);
CREATE INDEX interactions_channel ON interactions (tenant_id, channel, at, id);
CREATE INDEX interactions_queue ON interactions (tenant_id, queue, at, id) WHERE queue IS NOT NULL;
CREATE INDEX interactions_agent ON interactions (tenant_id, agent_id, at, id) WHERE agent_id IS NOT NULL;
CREATE INDEX interactions_phone ON interactions (tenant_id, phone_id, at, id) WHERE phone_id IS NOT NULL;
CREATE INDEX interactions_email ON interactions (tenant_id, email_id, at, id) WHERE email_id IS NOT NULL;
CREATE INDEX interactions_name ON interactions (tenant_id, name_id, at, id) WHERE name_id IS NOT NULL;
CREATE INDEX interactions_forgotten ON interactions (tenant_id, at, id) WHERE forgotten & 15 <> 0;
CREATE INDEX interactions_changed ON interactions (tenant_id, changed_at, id);

CREATE TABLE survey_responses (
    tenant_id               UUID NOT NULL,
    id                      UUID NOT NULL,
    external_id             TEXT NOT NULL,
    at                      TIMESTAMPTZ NOT NULL,
    phone_id                UUID,
    email_id                UUID,
    name_id                 UUID,
    forgotten               SMALLINT NOT NULL,
    changed_at              TIMESTAMPTZ NOT NULL,
    cell_key                BIGINT NOT NULL,
    interaction_external_id TEXT,
    score                   SMALLINT,
    comment                 TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, external_id)
);
CREATE INDEX survey_responses_at ON survey_responses (tenant_id, at, id);
CREATE INDEX survey_responses_phone ON survey_responses (tenant_id, phone_id, at, id) WHERE phone_id IS NOT NULL;
CREATE INDEX survey_responses_email ON survey_responses (tenant_id, email_id, at, id) WHERE email_id IS NOT NULL;
CREATE INDEX survey_responses_name ON survey_responses (tenant_id, name_id, at, id) WHERE name_id IS NOT NULL;

CREATE TABLE raw_events (
    tenant_id               UUID NOT NULL,
    id                      UUID NOT NULL,
    external_id             TEXT NOT NULL,
    at                      TIMESTAMPTZ NOT NULL,
    phone_id                UUID,
    email_id                UUID,
    name_id                 UUID,
    forgotten               SMALLINT NOT NULL,
    changed_at              TIMESTAMPTZ NOT NULL,
    cell_key                BIGINT NOT NULL,
    interaction_external_id TEXT,
    event                   TEXT NOT NULL,
    attributes              TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, external_id)
);
CREATE INDEX raw_events_at ON raw_events (tenant_id, at, id);
CREATE INDEX raw_events_phone ON raw_events (tenant_id, phone_id, at, id) WHERE phone_id IS NOT NULL;
CREATE INDEX raw_events_email ON raw_events (tenant_id, email_id, at, id) WHERE email_id IS NOT NULL;
CREATE INDEX raw_events_name ON raw_events (tenant_id, name_id, at, id) WHERE name_id IS NOT NULL;

-- Placeholder n of a record's texts represents this identifier. It is NULL once the identifier was
-- forgotten, so that forgetting rewrites no text. The target is 0 for the comment of a request, 1 for
-- interactions, 2 for survey responses, 3 for raw events, and 4 for texts of content.
CREATE TABLE mentions (
    tenant_id     UUID NOT NULL,
    target        SMALLINT NOT NULL,
    record_id     UUID NOT NULL,
    n             INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    at            TIMESTAMPTZ NOT NULL,
    identifier_id UUID,
    PRIMARY KEY (tenant_id, target, record_id, n)
);
CREATE INDEX mentions_identifier ON mentions (tenant_id, identifier_id, target, at) WHERE identifier_id IS NOT NULL;

-- Content belongs to an interaction: recordings, texts, and attachments. Its bytes are a sealed
-- object, and the key of the object is in the vault. A rescanned text gets an object of another
-- generation, under another key. A row contains no identifier and no identifier
-- id. `at` is the time of the interaction, by which retention counts. The stored size differs from the
-- size where the object is a text without its identifiers, or a recording that was encrypted for the
-- tenant. The digest of a text that contained an identifier is not kept, because a short text can be
-- guessed from it.
CREATE TABLE contents (
    tenant_id      UUID NOT NULL,
    id             UUID NOT NULL,
    generation     UUID NOT NULL,
    interaction_id UUID NOT NULL,
    at             TIMESTAMPTZ NOT NULL,
    kind           TEXT NOT NULL,
    media_type     TEXT NOT NULL,
    size           BIGINT NOT NULL,
    sha256         BYTEA,
    sensitivity    TEXT NOT NULL CHECK (sensitivity IN ('normal', 'restricted', 'sensitive')),
    encrypted_for  TEXT,
    stored_size    BIGINT NOT NULL,
    duration_ms    BIGINT,
    created_at     TIMESTAMPTZ NOT NULL,
    -- A keyed hash of the text as it arrived, by which a repeated import finds it.
    keyed_sha256   BYTEA,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX contents_interaction ON contents (tenant_id, interaction_id, created_at, id);
CREATE INDEX contents_age ON contents (tenant_id, kind, at, id);

-- A text must be rescanned for these identifiers, because its interaction learned them later. The
-- state is `missing` if the object was not found. A row that is `done` stays until the pass has noted
-- its identifier among its orphans.
CREATE TABLE rescans (
    tenant_id     UUID NOT NULL,
    content_id    UUID NOT NULL,
    identifier_id UUID NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'missing', 'done')),
    PRIMARY KEY (tenant_id, content_id, identifier_id)
);
CREATE INDEX rescans_identifier ON rescans (tenant_id, identifier_id);

-- An attempt to rescan a text is noted before it begins, and deleted after it. An attempt that a job
-- finds at its start is of a text that was rescanned when a process ended. A text with a reason is
-- not tried any more.
CREATE TABLE rescan_attempts (
    tenant_id  UUID NOT NULL,
    content_id UUID NOT NULL,
    attempts   INTEGER NOT NULL,
    begun_at   TIMESTAMPTZ NOT NULL,
    reason     TEXT,
    PRIMARY KEY (tenant_id, content_id)
);

-- One-time addresses of content, for the caller who made the ticket and for their purpose. Only the
-- hash of a ticket is stored, so that a copy of this table opens nothing.
CREATE TABLE content_tickets (
    tenant_id   UUID NOT NULL,
    ticket_hash BYTEA NOT NULL,
    content_id  UUID NOT NULL,
    actor_sub   TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    purpose     TEXT,
    expires_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, ticket_hash)
);
CREATE INDEX content_tickets_expiry ON content_tickets (tenant_id, expires_at);

-- A tenant has at most one batch deletion at a time. A batch whose process died expires by itself.
CREATE TABLE content_batches (
    tenant_id  UUID NOT NULL PRIMARY KEY,
    batch_id   UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

-- The address of a tenant's delivery target. Its secrets are sealed in the vault. The last three
-- columns are for S3 services.
CREATE TABLE delivery_targets (
    tenant_id     UUID NOT NULL PRIMARY KEY,
    url           TEXT NOT NULL,
    host_key      TEXT,
    endpoint      TEXT,
    region        TEXT,
    access_key_id TEXT,
    updated_at    TIMESTAMPTZ NOT NULL
);

-- The outbox. It has one row for each recording of a tenant with a delivery target, which is written
-- in the transaction of the recording's own row. A worker claims a row until claimed_until, and needs
-- the claim to settle it. file_names is a JSON array of the delivered files, whose names contain no
-- identifier.
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

-- The customer in the metadata of a delivery's files, for each claim under which a file got its name. The interaction may be sent again with another customer, and the request that forgets
-- the first one must still list the files. The pass deletes a customer's rows with the customer.
CREATE TABLE delivery_customers (
    tenant_id      UUID NOT NULL,
    interaction_id UUID NOT NULL,
    delivery_id    UUID NOT NULL,
    claim          UUID NOT NULL,
    phone_id       UUID,
    email_id       UUID,
    PRIMARY KEY (tenant_id, interaction_id, delivery_id, claim)
);
CREATE INDEX delivery_customers_phone ON delivery_customers (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX delivery_customers_email ON delivery_customers (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- Anonymize requests (A1). The ids of a waiting request lead to its identifiers. A done request has
-- only the masks.
CREATE TABLE requests (
    tenant_id      UUID NOT NULL,
    id             UUID NOT NULL,
    phone_id       UUID,
    email_id       UUID,
    phone_mask     TEXT,
    email_mask     TEXT,
    to_date        DATE NOT NULL,
    entry_day      DATE NOT NULL,
    due_at         TIMESTAMPTZ NOT NULL,
    comment        TEXT,
    reference      TEXT,
    interaction_count INTEGER NOT NULL,
    targets        SMALLINT NOT NULL,
    delete_content BOOLEAN NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('waiting', 'done')),
    user_name      TEXT NOT NULL,
    attempts       INTEGER NOT NULL,
    last_error     TEXT,
    pass_id        UUID,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL,
    done_at        TIMESTAMPTZ,
    version        BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX requests_created ON requests (tenant_id, created_at, id);
CREATE INDEX requests_status ON requests (tenant_id, status, created_at, id);
CREATE INDEX requests_due ON requests (tenant_id, due_at) WHERE status = 'waiting';
CREATE INDEX requests_reference ON requests (tenant_id, reference, created_at, id) WHERE reference IS NOT NULL;
CREATE INDEX requests_pass ON requests (tenant_id, pass_id, id) WHERE pass_id IS NOT NULL;
CREATE INDEX requests_phone ON requests (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX requests_email ON requests (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- The interactions that a waiting request names, each with the number and the address that its customer
-- had when the request was entered. A done request has none, since they would link the interactions
-- of one customer.
CREATE TABLE request_interactions (
    tenant_id      UUID NOT NULL,
    request_id     UUID NOT NULL,
    interaction_id UUID NOT NULL,
    phone_id       UUID,
    email_id       UUID,
    PRIMARY KEY (tenant_id, request_id, interaction_id)
);
CREATE INDEX request_interactions_phone ON request_interactions (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX request_interactions_email ON request_interactions (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- The number of records of each target that a request anonymized.
CREATE TABLE request_counts (
    tenant_id  UUID NOT NULL,
    request_id UUID NOT NULL,
    target     SMALLINT NOT NULL,
    anonymized BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, request_id, target)
);

-- The pieces of content that a request deleted, and the texts of content that lost a mention by it.
CREATE TABLE request_contents (
    tenant_id  UUID NOT NULL,
    request_id UUID NOT NULL,
    deleted    BIGINT NOT NULL,
    anonymized BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);

-- The delivered files of the customer of a request. The tenant must delete its own copies of them.
CREATE TABLE request_files (
    tenant_id  UUID NOT NULL,
    request_id UUID NOT NULL,
    file_name  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, request_id, file_name)
);

-- The outcome that a repeated POST gets again. It consists of ids. The key and the body of the POST
-- are stored as keyed hashes.
CREATE TABLE idempotency_keys (
    tenant_id  UUID NOT NULL,
    key_hash   BYTEA NOT NULL,
    body_hash  BYTEA NOT NULL,
    outcome    TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, key_hash)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (tenant_id, created_at);

-- The audit log is append-only. It contains no identifier and no identifier id.
CREATE TABLE audit_events (
    tenant_id  UUID NOT NULL,
    id         UUID NOT NULL,
    at         TIMESTAMPTZ NOT NULL,
    actor_sub  TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    purpose    TEXT,
    records    BIGINT NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_events_at ON audit_events (tenant_id, at, id);
CREATE INDEX audit_events_actor ON audit_events (tenant_id, actor_sub, at, id);
CREATE INDEX audit_events_action ON audit_events (tenant_id, action, at, id);

CREATE TABLE job_runs (
    tenant_id   UUID NOT NULL,
    id          UUID NOT NULL,
    job         TEXT NOT NULL,
    as_of       TIMESTAMPTZ NOT NULL,
    started_at  TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    status      TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'incomplete', 'failed')),
    report      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX job_runs_started ON job_runs (tenant_id, started_at, id);

-- The one process that works for a tenant, until until_ms (milliseconds since 1970, by the database's
-- clock). This is a local table where the archive is distributed, so that all leases have one clock.
CREATE TABLE leases (
    tenant_id UUID NOT NULL PRIMARY KEY,
    token     BIGINT NOT NULL,
    until_ms  BIGINT NOT NULL
);

-- The passes that are not finished. A killed pass resumes at its step and position.
CREATE TABLE passes (
    tenant_id   UUID NOT NULL,
    id          UUID NOT NULL,
    as_of       TIMESTAMPTZ NOT NULL,
    step        TEXT NOT NULL,
    position    INTEGER NOT NULL,
    position_at TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id)
);

-- Each request of a pass selects records by these identifiers, up to the cut-off.
CREATE TABLE pass_selections (
    tenant_id     UUID NOT NULL,
    pass_id       UUID NOT NULL,
    target        SMALLINT NOT NULL,
    identifier_id UUID NOT NULL,
    request_id    UUID NOT NULL,
    cutoff        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, target, identifier_id, request_id)
);

-- One row for each identifier and target, with its latest cut-off, in the order in which the pass
-- unlinks them.
CREATE TABLE pass_work (
    tenant_id     UUID NOT NULL,
    pass_id       UUID NOT NULL,
    no            INTEGER NOT NULL,
    target        SMALLINT NOT NULL,
    component     INTEGER NOT NULL,
    identifier_id UUID NOT NULL,
    cutoff        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, no),
    UNIQUE (tenant_id, pass_id, target, identifier_id)
);

-- The mentions that one chunk is about to unlink. A chunk's transaction fills and empties the table, so
-- the table need not survive a crash of the server.
CREATE UNLOGGED TABLE pass_mentions (
    tenant_id     UUID NOT NULL,
    record_id     UUID NOT NULL,
    n             INTEGER NOT NULL,
    identifier_id UUID NOT NULL,
    at            TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, record_id, n)
);

-- The same for mentions in texts of content.
CREATE UNLOGGED TABLE pass_text_mentions (
    tenant_id     UUID NOT NULL,
    content_id    UUID NOT NULL,
    n             INTEGER NOT NULL,
    identifier_id UUID NOT NULL,
    at            TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, content_id, n)
);

-- The interactions whose content the requests of a pass delete, with the number of pieces that each
-- had when it was noted. The content step empties the table.
CREATE TABLE pass_interactions (
    tenant_id      UUID NOT NULL,
    pass_id        UUID NOT NULL,
    interaction_id UUID NOT NULL,
    request_id     UUID NOT NULL,
    pieces         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, interaction_id, request_id)
);

-- Identifiers that a pass unlinked or found unreferenced. The orphans among them
-- leave the vault.
CREATE TABLE pass_orphans (
    tenant_id     UUID NOT NULL,
    pass_id       UUID NOT NULL,
    identifier_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, identifier_id)
);

-- The last identifier of the vault that a pass has checked for references.
CREATE TABLE gc_identifiers (
    tenant_id UUID NOT NULL PRIMARY KEY,
    position  UUID NOT NULL
);

-- The next folder of objects that a pass checks, and the last row and key of content that it checked.
CREATE TABLE gc_objects (
    tenant_id        UUID NOT NULL PRIMARY KEY,
    folder           INTEGER NOT NULL,
    content_position UUID NOT NULL,
    key_position     UUID NOT NULL
);

-- The objects of the erasure journal that this database knows. An object without a row tells of a restore
-- or of a killed process. A row without an object tells of a lost journal. The vault has the same tables.
CREATE TABLE journal_entries (
    tenant_id UUID NOT NULL,
    seq       BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    pass_id   UUID,
    hash      BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

-- The same for the objects that list deleted content.
CREATE TABLE journal_contents (
    tenant_id UUID NOT NULL,
    id        UUID NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
