-- The case of a request: when it arrived, by when it is answered (Art. 12(3)), and how the customer's wish
-- was verified (C5). The texts contain no identifier. A row without days is from an older version.
ALTER TABLE requests ADD COLUMN received_on DATE;
ALTER TABLE requests ADD COLUMN deadline_on DATE;
ALTER TABLE requests ADD COLUMN extended_to DATE;
ALTER TABLE requests ADD COLUMN extension_reason TEXT;
ALTER TABLE requests ADD COLUMN attestation_method TEXT;
ALTER TABLE requests ADD COLUMN attestation_by TEXT;
ALTER TABLE requests ADD COLUMN attestation_on DATE;
ALTER TABLE requests ADD COLUMN attestation_representative TEXT;
UPDATE requests SET received_on = entry_day,
    deadline_on = (entry_day + INTERVAL '1 month')::DATE
        + CASE EXTRACT(ISODOW FROM entry_day + INTERVAL '1 month') WHEN 6 THEN 2 WHEN 7 THEN 1 ELSE 0 END;
CREATE INDEX requests_deadline ON requests (tenant_id, deadline_on, id);
CREATE INDEX requests_status_deadline ON requests (tenant_id, status, deadline_on, id);
CREATE INDEX requests_user ON requests (tenant_id, user_name, created_at, id);
CREATE INDEX requests_updated ON requests (tenant_id, updated_at, id);

-- The systems outside of this one in which the customer of a request is forgotten too (C4), as the tenant's
-- settings named them when it was entered. The evidence contains no identifier.
CREATE TABLE request_checklist (
    tenant_id  UUID NOT NULL,
    request_id UUID NOT NULL,
    position   SMALLINT NOT NULL,
    system     TEXT NOT NULL,
    owner      TEXT NOT NULL,
    due_on     DATE NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('open', 'done', 'not_applicable')),
    done_by    TEXT,
    done_at    TIMESTAMPTZ,
    evidence   TEXT,
    PRIMARY KEY (tenant_id, request_id, position)
);
CREATE INDEX request_checklist_due ON request_checklist (tenant_id, due_on, request_id) WHERE state = 'open';
