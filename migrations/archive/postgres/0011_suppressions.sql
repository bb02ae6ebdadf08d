-- The number of identifiers that a subject has checked for suppressions on a local day of the tenant. A
-- subject has one row, which begins anew on the next day.
CREATE TABLE suppression_checks (
    tenant_id UUID NOT NULL,
    actor_sub TEXT NOT NULL,
    day       DATE NOT NULL,
    items     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, actor_sub)
);
