-- Whether a request deletes the content of its interactions (C1). NULL, of requests from before, is no.
ALTER TABLE requests ADD COLUMN delete_content INTEGER;

-- How much content a request deleted, and how many texts of content lost a mention through it.
CREATE TABLE request_contents (
    tenant_id  BLOB NOT NULL,
    request_id BLOB NOT NULL,
    deleted    INTEGER NOT NULL,
    anonymized INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
) STRICT;

-- The files that had been delivered of what a request forgot: its tenant must delete its copies.
CREATE TABLE request_files (
    tenant_id  BLOB NOT NULL,
    request_id BLOB NOT NULL,
    file_name  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, request_id, file_name)
) STRICT;

-- The content that the requests of a pass delete, as long as it is there: nothing of it outlives the step.
CREATE TABLE pass_contents (
    tenant_id  BLOB NOT NULL,
    pass_id    BLOB NOT NULL,
    content_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, content_id, request_id)
) STRICT;

-- The mentions in texts of content that one chunk is about to cut: filled and emptied within its transaction.
CREATE TABLE pass_text_hits (
    tenant_id     BLOB NOT NULL,
    content_id    BLOB NOT NULL,
    slot          INTEGER NOT NULL,
    identifier_id BLOB NOT NULL,
    at            TEXT NOT NULL,
    PRIMARY KEY (tenant_id, content_id, slot)
) STRICT;

-- How far the nightly check of content walked: the next folder of objects, and the last row and the last key.
CREATE TABLE content_sweeps (
    tenant_id        BLOB NOT NULL PRIMARY KEY,
    folder           INTEGER NOT NULL,
    content_position BLOB NOT NULL,
    key_position     BLOB NOT NULL
) STRICT;
