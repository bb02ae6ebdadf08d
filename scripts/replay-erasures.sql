-- Makes a restored archive forget the customers that were forgotten since its backup. Run it before the archive is served,
-- as docs/operating.md, "Restore", describes. PostgreSQL and SQLite read the same text, and it can be run again.
--
-- The vault must be the live one, never older than the archive, because an id that the vault does not know counts as
-- forgotten. Its tables are read under the schema `vault` (SQLite: ATTACH 'vault.db' AS vault).

BEGIN;

-- The identifiers to forget, with target and cut-off: those of the erasures, and every id that has left the vault.
CREATE TEMPORARY TABLE gone AS
SELECT i.tenant_id, i.id AS identifier_id, t.target, max(e.cutoff) AS cutoff
FROM vault.erasures e
JOIN vault.identifiers i ON i.tenant_id = e.tenant_id AND i.index_hash = e.index_hash
JOIN (SELECT 1 AS target, 1 AS bit UNION ALL SELECT 2, 2 UNION ALL SELECT 3, 4) t ON (e.targets & t.bit) <> 0
GROUP BY i.tenant_id, i.id, t.target;

INSERT INTO gone (tenant_id, identifier_id, target, cutoff)
SELECT held.tenant_id, held.identifier_id, t.target, '9999-12-31 00:00:00+00:00'
FROM (
    SELECT tenant_id, phone_id AS identifier_id FROM interactions UNION
    SELECT tenant_id, email_id FROM interactions UNION
    SELECT tenant_id, name_id FROM interactions UNION
    SELECT tenant_id, phone_id FROM survey_responses UNION
    SELECT tenant_id, email_id FROM survey_responses UNION
    SELECT tenant_id, name_id FROM survey_responses UNION
    SELECT tenant_id, phone_id FROM raw_events UNION
    SELECT tenant_id, email_id FROM raw_events UNION
    SELECT tenant_id, name_id FROM raw_events UNION
    SELECT tenant_id, identifier_id FROM mentions UNION
    SELECT tenant_id, phone_id FROM requests UNION
    SELECT tenant_id, email_id FROM requests UNION
    SELECT tenant_id, phone_id FROM delivery_customers UNION
    SELECT tenant_id, email_id FROM delivery_customers
) held
CROSS JOIN (SELECT 0 AS target UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) t
WHERE held.identifier_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM vault.identifiers i WHERE i.tenant_id = held.tenant_id AND i.id = held.identifier_id);

CREATE INDEX gone_id ON gone (tenant_id, identifier_id, target);

-- The records whose customer is forgotten, with their identifiers. The customer is forgotten as a whole, with the name.
CREATE TEMPORARY TABLE cut AS
SELECT 1 AS target, r.tenant_id, r.id, r.phone_id, r.email_id, r.name_id FROM interactions r WHERE EXISTS (
    SELECT 1 FROM gone g WHERE g.tenant_id = r.tenant_id AND g.target = 1 AND r.at < g.cutoff
    AND g.identifier_id IN (r.phone_id, r.email_id, r.name_id))
UNION ALL
SELECT 2, r.tenant_id, r.id, r.phone_id, r.email_id, r.name_id FROM survey_responses r WHERE EXISTS (
    SELECT 1 FROM gone g WHERE g.tenant_id = r.tenant_id AND g.target = 2 AND r.at < g.cutoff
    AND g.identifier_id IN (r.phone_id, r.email_id, r.name_id))
UNION ALL
SELECT 3, r.tenant_id, r.id, r.phone_id, r.email_id, r.name_id FROM raw_events r WHERE EXISTS (
    SELECT 1 FROM gone g WHERE g.tenant_id = r.tenant_id AND g.target = 3 AND r.at < g.cutoff
    AND g.identifier_id IN (r.phone_id, r.email_id, r.name_id));

CREATE INDEX cut_id ON cut (tenant_id, target, id);

-- The mentions to unlink: those of forgotten identifiers, and those of the customer in the records above.
CREATE TEMPORARY TABLE said AS
SELECT m.tenant_id, m.target, m.record_id, m.n,
       CASE WHEN own.id IS NULL THEN 1 ELSE 0 END AS of_somebody_else
FROM mentions m
LEFT JOIN cut own ON own.tenant_id = m.tenant_id AND own.target = m.target AND own.id = m.record_id
     AND m.identifier_id IN (own.phone_id, own.email_id, own.name_id)
WHERE m.identifier_id IS NOT NULL AND (own.id IS NOT NULL OR EXISTS (
    SELECT 1 FROM gone g WHERE g.tenant_id = m.tenant_id AND g.target = m.target
    AND g.identifier_id = m.identifier_id AND m.at < g.cutoff));

-- The time at which the records change.
CREATE TEMPORARY TABLE replay AS SELECT CURRENT_TIMESTAMP AS at;

CREATE INDEX said_id ON said (tenant_id, target, record_id, n);

UPDATE interactions SET changed_at = (SELECT at FROM replay), forgotten = forgotten | 8 WHERE EXISTS (
    SELECT 1 FROM said s WHERE s.tenant_id = interactions.tenant_id AND s.target = 1 AND s.record_id = interactions.id
    AND s.of_somebody_else = 1);
UPDATE survey_responses SET changed_at = (SELECT at FROM replay), forgotten = forgotten | 8 WHERE EXISTS (
    SELECT 1 FROM said s WHERE s.tenant_id = survey_responses.tenant_id AND s.target = 2
    AND s.record_id = survey_responses.id AND s.of_somebody_else = 1);
UPDATE raw_events SET changed_at = (SELECT at FROM replay), forgotten = forgotten | 8 WHERE EXISTS (
    SELECT 1 FROM said s WHERE s.tenant_id = raw_events.tenant_id AND s.target = 3 AND s.record_id = raw_events.id
    AND s.of_somebody_else = 1);

UPDATE mentions SET identifier_id = NULL WHERE EXISTS (
    SELECT 1 FROM said s WHERE s.tenant_id = mentions.tenant_id AND s.target = mentions.target
    AND s.record_id = mentions.record_id AND s.n = mentions.n);

-- The customers of deliveries.
DELETE FROM delivery_customers WHERE EXISTS (
    SELECT 1 FROM cut c WHERE c.tenant_id = delivery_customers.tenant_id AND c.target = 1
    AND c.id = delivery_customers.interaction_id
    AND (c.phone_id = delivery_customers.phone_id OR c.email_id = delivery_customers.email_id))
OR EXISTS (
    SELECT 1 FROM gone g JOIN interactions r ON r.tenant_id = g.tenant_id
    WHERE g.tenant_id = delivery_customers.tenant_id AND g.target = 1 AND r.id = delivery_customers.interaction_id
    AND r.at < g.cutoff AND g.identifier_id IN (delivery_customers.phone_id, delivery_customers.email_id));

UPDATE interactions SET changed_at = (SELECT at FROM replay), phone_id = NULL, email_id = NULL, name_id = NULL,
    forgotten = forgotten
    | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END
    | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END
WHERE EXISTS (SELECT 1 FROM cut c WHERE c.tenant_id = interactions.tenant_id AND c.target = 1 AND c.id = interactions.id);
UPDATE survey_responses SET changed_at = (SELECT at FROM replay), phone_id = NULL, email_id = NULL, name_id = NULL,
    forgotten = forgotten
    | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END
    | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END
WHERE EXISTS (
    SELECT 1 FROM cut c WHERE c.tenant_id = survey_responses.tenant_id AND c.target = 2 AND c.id = survey_responses.id);
UPDATE raw_events SET changed_at = (SELECT at FROM replay), phone_id = NULL, email_id = NULL, name_id = NULL,
    forgotten = forgotten
    | CASE WHEN phone_id IS NULL THEN 0 ELSE 1 END | CASE WHEN email_id IS NULL THEN 0 ELSE 2 END
    | CASE WHEN name_id IS NULL THEN 0 ELSE 4 END
WHERE EXISTS (SELECT 1 FROM cut c WHERE c.tenant_id = raw_events.tenant_id AND c.target = 3 AND c.id = raw_events.id);

-- Descriptive values that contained the customer are keyed hashes, and become `Anonymized`.
UPDATE interactions SET queue = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(queue, 1, 5) = 'hash-' AND length(queue) = 69;
UPDATE interactions SET agent_id = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(agent_id, 1, 5) = 'hash-' AND length(agent_id) = 69;
UPDATE interactions SET outcome = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(outcome, 1, 5) = 'hash-' AND length(outcome) = 69;
UPDATE survey_responses SET interaction_external_id = 'Anonymized'
    WHERE forgotten & 7 <> 0 AND substr(interaction_external_id, 1, 5) = 'hash-' AND length(interaction_external_id) = 69;
UPDATE raw_events SET interaction_external_id = 'Anonymized'
    WHERE forgotten & 7 <> 0 AND substr(interaction_external_id, 1, 5) = 'hash-' AND length(interaction_external_id) = 69;
UPDATE raw_events SET event = 'Anonymized' WHERE forgotten & 7 <> 0 AND substr(event, 1, 5) = 'hash-' AND length(event) = 69;

-- A request that was carried out after the backup and whose customer has left the vault would fail in every pass.
DELETE FROM requests WHERE status = 'waiting' AND EXISTS (
    SELECT 1 FROM gone g WHERE g.tenant_id = requests.tenant_id AND g.target = 0
    AND g.identifier_id IN (requests.phone_id, requests.email_id));

-- A pass that was under way in the backup begins anew. The epoch becomes a random value, so that no write of the time
-- before the restore is admitted.
UPDATE requests SET pass_id = NULL WHERE status = 'waiting';
DELETE FROM passes;
DELETE FROM pass_selections;
DELETE FROM pass_work;
DELETE FROM pass_orphans;
-- random() is a fraction on PostgreSQL and any integer on SQLite.
UPDATE epochs SET epoch = CASE WHEN abs(random()) <= 1 THEN random() * 9e15 ELSE random() END;

DROP TABLE replay;
DROP TABLE said;
DROP TABLE cut;
DROP TABLE gone;

COMMIT;
