-- The time since which no row of the audit log refers to an actor. A day later the name leaves, unless the actor has
-- acted again.
ALTER TABLE actors ADD COLUMN unused_since TIMESTAMPTZ;

-- The beginning of the audit log that retention has deleted, up to a seal: the number of its last row, the tree up to
-- there, the number of deleted rows, and how many more ids of records these rows told as deleted than they lacked
-- themselves. `keep_days` is in force, and `next_days` is a shorter time that a pass has seen first at `next_at`.
CREATE TABLE audit_retention (
    tenant_id UUID NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL,
    origin    INTEGER NOT NULL,
    size      BIGINT NOT NULL,
    frontier  BYTEA NOT NULL,
    deleted   BIGINT NOT NULL,
    unlinked  BIGINT NOT NULL,
    keep_days BIGINT,
    next_days BIGINT,
    next_at   TIMESTAMPTZ
);
