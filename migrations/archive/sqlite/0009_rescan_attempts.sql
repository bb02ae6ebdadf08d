-- A text that is about to be read again is noted here first, and the note goes once it was read. A note that a job finds when
-- it starts is of a text that was in hand when a process ended. A text with a reason is not tried any more.
CREATE TABLE rescan_attempts (
    tenant_id  BLOB NOT NULL,
    content_id BLOB NOT NULL,
    attempts   INTEGER NOT NULL,
    begun_at   TEXT NOT NULL,
    reason     TEXT,
    PRIMARY KEY (tenant_id, content_id)
) STRICT;
