-- Of records that were forgotten before, descriptive values that contained their customer are no keyed hashes any more: these
-- joined them to later records of the same customer. The pass does the same with those that it forgets.
UPDATE interactions SET queue = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(queue, 1, 5) = 'hash-' AND length(queue) = 69;
UPDATE interactions SET agent_id = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(agent_id, 1, 5) = 'hash-' AND length(agent_id) = 69;
UPDATE interactions SET outcome = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(outcome, 1, 5) = 'hash-' AND length(outcome) = 69;
UPDATE survey_responses SET interaction_external_id = 'Anonymized'
    WHERE forgotten & 7 <> 0 AND substr(interaction_external_id, 1, 5) = 'hash-' AND length(interaction_external_id) = 69;
UPDATE raw_events SET interaction_external_id = 'Anonymized'
    WHERE forgotten & 7 <> 0 AND substr(interaction_external_id, 1, 5) = 'hash-' AND length(interaction_external_id) = 69;
UPDATE raw_events SET event = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(event, 1, 5) = 'hash-' AND length(event) = 69;
