-- The sums of the cell keys of the interactions in each cell of the kept totals, so that a total has the
-- same noise before and after ageing. Totals that were kept before have no keys.
ALTER TABLE kept_totals ADD COLUMN cell_key BIGINT;
ALTER TABLE kept_agents ADD COLUMN cell_key BIGINT;
UPDATE kept_totals SET cell_key = 0;
UPDATE kept_agents SET cell_key = 0;

-- The precision that the time of an aged survey response still has: month. Its total is kept.
ALTER TABLE survey_responses ADD COLUMN aged TEXT;

-- The numbers of aged and deleted survey responses by local month and score. The score is -1 for the
-- responses without a score, and for those whose score was too rare in the month.
CREATE TABLE kept_scores (
    tenant_id UUID NOT NULL,
    month     DATE NOT NULL,
    score     SMALLINT NOT NULL,
    n         BIGINT NOT NULL,
    cell_key  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, month, score)
);

-- The class of an interaction of a planned month: the id of the first interaction of the class. A chunk
-- ages whole classes, so that a hold that is placed meanwhile leaves no small class behind.
ALTER TABLE ageing_work ADD COLUMN class_id UUID;
CREATE INDEX ageing_work_class ON ageing_work (tenant_id, class_id, record_id);
