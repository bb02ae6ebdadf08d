-- The interactions whose content the requests of a pass delete, and how many pieces of it each had when it was noted: nothing
-- of it outlives the step. It takes the place of pass_contents.
CREATE TABLE pass_interactions (
    tenant_id      BLOB NOT NULL,
    pass_id        BLOB NOT NULL,
    interaction_id BLOB NOT NULL,
    request_id     BLOB NOT NULL,
    pieces         INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, pass_id, interaction_id, request_id)
) STRICT;
DROP TABLE pass_contents;
