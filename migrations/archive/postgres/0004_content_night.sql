-- Whether a request deletes the content of its interactions (C1). NULL, of requests from before, is no.
ALTER TABLE requests ADD COLUMN delete_content BOOLEAN;

-- How much content a request deleted, and how many texts of content lost a mention through it.
CREATE TABLE request_contents (
    tenant_id  UUID NOT NULL,
    request_id UUID NOT NULL,
    deleted    BIGINT NOT NULL,
    anonymized BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);

-- The files that had been delivered of what a request forgot: its tenant must delete its copies.
CREATE TABLE request_files (
    tenant_id  UUID NOT NULL,
    request_id UUID NOT NULL,
    file_name  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, request_id, file_name)
);

-- The content that the requests of a pass delete, as long as it is there: nothing of it outlives the step.
CREATE TABLE pass_contents (
    tenant_id  UUID NOT NULL,
    pass_id    UUID NOT NULL,
    content_id UUID NOT NULL,
    request_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, content_id, request_id)
);

-- The mentions in texts of content that one chunk is about to cut: filled and emptied within its transaction.
CREATE UNLOGGED TABLE pass_text_hits (
    tenant_id     UUID NOT NULL,
    content_id    UUID NOT NULL,
    slot          INTEGER NOT NULL,
    identifier_id UUID NOT NULL,
    at            TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, content_id, slot)
);

-- How far the nightly check of content walked: the next folder of objects, and the last row and the last key.
CREATE TABLE content_sweeps (
    tenant_id        UUID NOT NULL PRIMARY KEY,
    folder           INTEGER NOT NULL,
    content_position UUID NOT NULL,
    key_position     UUID NOT NULL
);
