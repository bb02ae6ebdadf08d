-- The day of the pass that told webhooks that an item is due. An item is told of once, and again if its day moves.
ALTER TABLE request_checklist ADD COLUMN told_on DATE;
CREATE INDEX request_checklist_untold ON request_checklist (tenant_id, due_on, request_id)
    WHERE state = 'open' AND told_on IS NULL;
