-- A request that is done gets a certificate at the end of the nightly job. Version 0 is still to be made, 1 was made
-- after a scan of all that changed, and 2 after a scan of the whole archive.
CREATE TABLE certificates (
    tenant_id  BLOB NOT NULL,
    request_id BLOB NOT NULL,
    done_at    TEXT NOT NULL,
    version    INTEGER NOT NULL,
    document   TEXT,
    made_at    TEXT,
    PRIMARY KEY (tenant_id, request_id)
) STRICT;
CREATE INDEX certificates_due ON certificates (tenant_id, version, done_at, request_id);

-- The residue scan reads the whole archive in rounds, a part each night. A row has the place that is read next and the
-- counts so far. The last columns are those of the last full round, and the time up to which changes were read.
CREATE TABLE scan_rounds (
    tenant_id     BLOB NOT NULL PRIMARY KEY,
    begun_at      TEXT NOT NULL,
    table_name    TEXT NOT NULL,
    position      TEXT,
    counts        TEXT NOT NULL,
    last_begun_at TEXT,
    last_counts   TEXT,
    changed_until TEXT
) STRICT;

-- How often the scan has found an erased identifier of a request in data that its erasure covers.
CREATE TABLE scan_findings (
    tenant_id  BLOB NOT NULL,
    request_id BLOB NOT NULL,
    residue    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
) STRICT;

-- The scan reads what changed.
CREATE INDEX survey_responses_changed ON survey_responses (tenant_id, changed_at, id);
CREATE INDEX raw_events_changed ON raw_events (tenant_id, changed_at, id);
