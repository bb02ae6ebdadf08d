-- The names of actors are apart from the audit log, so that a name can leave while the log stays as it was sealed. An
-- id commits to its name with the salt. An id that begins with zeros was made here, and commits to nothing.
CREATE TABLE actors (
    tenant_id UUID NOT NULL,
    id        UUID NOT NULL,
    sub       TEXT NOT NULL,
    name      TEXT NOT NULL,
    salt      UUID NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX actors_named ON actors (tenant_id, sub, name);
INSERT INTO actors SELECT tenant_id, ('00000000' || substr(gen_random_uuid()::text, 9))::uuid, actor_sub, actor_name, gen_random_uuid() FROM audit_events
    GROUP BY tenant_id, actor_sub, actor_name;

-- A row has no `seq` until it is sealed. `digests` commits to the ids of the records that the action concerned.
CREATE TABLE audit_events_to_seal (
    tenant_id UUID NOT NULL,
    id        UUID NOT NULL,
    seq       BIGINT,
    at        TIMESTAMPTZ NOT NULL,
    actor_id  UUID NOT NULL,
    action    TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    purpose   TEXT,
    records   BIGINT NOT NULL,
    detail    TEXT NOT NULL,
    digests   BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
INSERT INTO audit_events_to_seal
    SELECT e.tenant_id, e.id, NULL, e.at, a.id, e.action, e.outcome, e.purpose, e.records, e.detail, '\x'::bytea
    FROM audit_events e
    JOIN actors a ON a.tenant_id = e.tenant_id AND a.sub = e.actor_sub AND a.name = e.actor_name;
DROP TABLE audit_events;
ALTER TABLE audit_events_to_seal RENAME TO audit_events;
CREATE INDEX audit_events_at ON audit_events (tenant_id, at, id);
CREATE INDEX audit_events_actor ON audit_events (tenant_id, actor_id, at, id);
CREATE INDEX audit_events_action ON audit_events (tenant_id, action, at, id);
CREATE UNIQUE INDEX audit_events_seq ON audit_events (tenant_id, seq);
CREATE INDEX audit_events_unsealed ON audit_events (tenant_id, at, id) WHERE seq IS NULL;

-- The records that an action concerned. A row leaves when its record is forgotten.
CREATE TABLE audit_records (
    tenant_id UUID NOT NULL,
    event_id  UUID NOT NULL,
    record_id UUID NOT NULL,
    salt      UUID NOT NULL,
    PRIMARY KEY (tenant_id, event_id, record_id)
);
CREATE INDEX audit_records_record ON audit_records (tenant_id, record_id);

-- The tree over the audit log after each sealed batch. `seq` is the number of its last row, and `leaves` are the hashes
-- of the batch. There is no note until the checkpoint is signed and anchored.
CREATE TABLE audit_seals (
    tenant_id UUID NOT NULL,
    seq       BIGINT NOT NULL,
    origin    INTEGER NOT NULL,
    size      BIGINT NOT NULL,
    root      BYTEA NOT NULL,
    frontier  BYTEA NOT NULL,
    leaves    BYTEA NOT NULL,
    note      TEXT,
    at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
