-- The number of identifiers that a subject has checked for suppressions on a local day of the tenant. A
-- subject has one row, which begins anew on the next day.
CREATE TABLE suppression_checks (
    tenant_id BLOB NOT NULL,
    actor_sub TEXT NOT NULL,
    day       TEXT NOT NULL,
    items     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, actor_sub)
) STRICT;
