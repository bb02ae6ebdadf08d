-- The interactions whose content the requests of a pass delete, and how many pieces of it each had when it was noted: nothing
-- of it outlives the step. It takes the place of pass_contents.
CREATE TABLE pass_interactions (
    tenant_id      UUID NOT NULL,
    pass_id        UUID NOT NULL,
    interaction_id UUID NOT NULL,
    request_id     UUID NOT NULL,
    pieces         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, interaction_id, request_id)
);
DROP TABLE pass_contents;
