-- A legal hold keeps the records that its identifiers and its interactions select, as long as it lasts. `hide` also
-- hides their customer. The ids lead to the identifiers while the hold lasts. A released hold has only the masks.
CREATE TABLE holds (
    tenant_id         BLOB NOT NULL,
    id                BLOB NOT NULL,
    phone_id          BLOB,
    email_id          BLOB,
    phone_mask        TEXT,
    email_mask        TEXT,
    interaction_count INTEGER NOT NULL,
    ground            TEXT NOT NULL,
    reference         TEXT NOT NULL,
    review_on         TEXT NOT NULL,
    hide              INTEGER NOT NULL,
    placed_by         TEXT NOT NULL,
    placed_at         TEXT NOT NULL,
    released_by       TEXT,
    released_at       TEXT,
    version           INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX holds_placed ON holds (tenant_id, placed_at, id);
CREATE INDEX holds_lasting ON holds (tenant_id, hide) WHERE released_at IS NULL;
CREATE INDEX holds_phone ON holds (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX holds_email ON holds (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- The interactions that a hold names, each with the number and the address that its customer had when the hold was
-- placed. A released hold has none.
CREATE TABLE hold_interactions (
    tenant_id      BLOB NOT NULL,
    hold_id        BLOB NOT NULL,
    interaction_id BLOB NOT NULL,
    phone_id       BLOB,
    email_id       BLOB,
    PRIMARY KEY (tenant_id, hold_id, interaction_id)
) STRICT;
CREATE INDEX hold_interactions_interaction ON hold_interactions (tenant_id, interaction_id);
CREATE INDEX hold_interactions_phone ON hold_interactions (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX hold_interactions_email ON hold_interactions (tenant_id, email_id) WHERE email_id IS NOT NULL;

-- A waiting request can hide its customer, so a record is looked up among the interactions that requests name.
CREATE INDEX request_interactions_interaction ON request_interactions (tenant_id, interaction_id);

-- The number of records that a preview counted when the request was entered.
ALTER TABLE request_counts ADD COLUMN previewed INTEGER;
