-- Old interactions lose their precision by policy. `aged` is the precision that the time of an aged
-- interaction still has: hour, day, or month. `duration_s` is the beginning of the range of its duration,
-- since an aged interaction has no end.
ALTER TABLE interactions ADD COLUMN aged TEXT;
ALTER TABLE interactions ADD COLUMN duration_s INTEGER;

-- The interactions of a channel that are not aged, oldest first.
CREATE INDEX interactions_unaged ON interactions (tenant_id, channel, at, id) WHERE aged IS NULL;

-- Survey responses and raw events age together with their interaction.
CREATE INDEX survey_responses_interaction ON survey_responses (tenant_id, interaction_external_id) WHERE interaction_external_id IS NOT NULL;
CREATE INDEX raw_events_interaction ON raw_events (tenant_id, interaction_external_id) WHERE interaction_external_id IS NOT NULL;

-- An ageing policy as its user wrote it, in JSON. A change makes it wait for 30 days.
CREATE TABLE ageing_policies (
    tenant_id  UUID NOT NULL,
    name       TEXT NOT NULL,
    policy     TEXT NOT NULL,
    paused     BOOLEAN NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- The month that a pass is ageing, with the policy as it was when the month was planned. A pass that was
-- killed continues with it. `linked` says, in JSON, which scores and events are kept.
CREATE TABLE ageing_plans (
    tenant_id  UUID NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    policy     TEXT NOT NULL,
    month      DATE NOT NULL,
    linked     TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

-- The interactions of that month with all that is kept of them, and the level of the ladder that each of
-- them gets. One without a level is deleted. A chunk deletes its rows. `seconds` is the exact duration,
-- for the kept totals.
CREATE TABLE ageing_work (
    tenant_id    UUID NOT NULL,
    record_id    UUID NOT NULL,
    hour         TIMESTAMPTZ NOT NULL,
    day          DATE NOT NULL,
    channel      TEXT NOT NULL,
    direction    TEXT,
    queue        TEXT,
    agent_id     TEXT,
    outcome      TEXT,
    seconds      INTEGER,
    duration_s   INTEGER,
    attributes   TEXT,
    ladder_level SMALLINT,
    PRIMARY KEY (tenant_id, record_id)
);

-- The keyed hashes of the external ids of aged and deleted records. A record that is sent again is found
-- here. No row leads to a record.
CREATE TABLE aged_external_ids (
    tenant_id UUID NOT NULL,
    id_hash   BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, id_hash)
);

-- The numbers of aged and deleted interactions by local day, queue, channel, direction, and outcome. The
-- empty text is no value. The kind is `cell`, or `other` for the sum of the small cells of a month and a
-- channel, whose day is the first one of the month. `timed` interactions have a duration.
CREATE TABLE kept_totals (
    tenant_id UUID NOT NULL,
    day       DATE NOT NULL,
    channel   TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('cell', 'other')),
    direction TEXT NOT NULL,
    queue     TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    n         BIGINT NOT NULL,
    timed     BIGINT NOT NULL,
    seconds   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, day, channel, kind, direction, queue, outcome)
);

-- The same by month, agent, and channel.
CREATE TABLE kept_agents (
    tenant_id UUID NOT NULL,
    month     DATE NOT NULL,
    channel   TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('cell', 'other')),
    agent_id  TEXT NOT NULL,
    n         BIGINT NOT NULL,
    timed     BIGINT NOT NULL,
    seconds   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, month, channel, kind, agent_id)
);
