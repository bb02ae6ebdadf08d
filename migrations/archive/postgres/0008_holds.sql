-- A legal hold keeps the records that its identifiers and its interactions select, as long as it lasts. `hide` also
-- hides their customer. The ids lead to the identifiers while the hold lasts. A released hold has only the masks.
CREATE TABLE holds (
    tenant_id         UUID NOT NULL,
    id                UUID NOT NULL,
    phone_id          UUID,
    email_id          UUID,
    phone_mask        TEXT,
    email_mask        TEXT,
    interaction_count INTEGER NOT NULL,
    ground            TEXT NOT NULL,
    reference         TEXT NOT NULL,
    review_on         DATE NOT NULL,
    hide              BOOLEAN NOT NULL,
    placed_by         TEXT NOT NULL,
    placed_at         TIMESTAMPTZ NOT NULL,
    released_by       TEXT,
    released_at       TIMESTAMPTZ,
    version           BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX holds_placed ON holds (tenant_id, placed_at, id);
CREATE INDEX holds_lasting ON holds (tenant_id, hide) WHERE released_at IS NULL;
CREATE INDEX holds_phone ON holds (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX holds_email ON holds (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- The interactions that a hold names, each with the number and the address that its customer had when the hold was
-- placed. A released hold has none.
CREATE TABLE hold_interactions (
    tenant_id      UUID NOT NULL,
    hold_id        UUID NOT NULL,
    interaction_id UUID NOT NULL,
    phone_id       UUID,
    email_id       UUID,
    PRIMARY KEY (tenant_id, hold_id, interaction_id)
);
CREATE INDEX hold_interactions_interaction ON hold_interactions (tenant_id, interaction_id);
CREATE INDEX hold_interactions_phone ON hold_interactions (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX hold_interactions_email ON hold_interactions (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- A waiting request can hide its customer, so a record is looked up among the interactions that requests name.
CREATE INDEX request_interactions_interaction ON request_interactions (tenant_id, interaction_id);

-- The number of records that a preview counted when the request was entered.
ALTER TABLE request_counts ADD COLUMN previewed BIGINT;
