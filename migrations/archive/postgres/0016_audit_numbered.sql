-- Rows that have no number yet are in `audit_events_unsealed` only, in the order in which they get one. An index of
-- numbers that had these rows too was taken for them, and each batch of a long backlog sorted all of it.
DROP INDEX audit_events_seq;
CREATE UNIQUE INDEX audit_events_seq ON audit_events (tenant_id, seq) WHERE seq IS NOT NULL;
