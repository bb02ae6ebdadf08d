-- The time since which no row of the audit log refers to an actor. A day later the name leaves, unless the actor has
-- acted again.
ALTER TABLE actors ADD COLUMN unused_since TEXT;

-- The beginning of the audit log that retention has deleted, up to a seal: the number of its last row, the tree up to
-- there, the number of deleted rows, and how many more ids of records these rows told as deleted than they lacked
-- themselves. `keep_days` is in force, and `next_days` is a shorter time that a pass has seen first at `next_at`.
CREATE TABLE audit_retention (
    tenant_id BLOB NOT NULL PRIMARY KEY,
    seq       INTEGER NOT NULL,
    origin    INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    frontier  BLOB NOT NULL,
    deleted   INTEGER NOT NULL,
    unlinked  INTEGER NOT NULL,
    keep_days INTEGER,
    next_days INTEGER,
    next_at   TEXT
) STRICT;
