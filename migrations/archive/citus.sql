-- Distributes the archive by tenant on Citus. Run it once with psql on the coordinator, after the first
-- `lethe migrate` and before the first record. docs/scaling.md says what it needs. It is no migration,
-- because a plain PostgreSQL has no use for it.

BEGIN;

-- It is small, it is read with every call, and it seldom changes.
SELECT create_reference_table('tenants');

SELECT create_distributed_table('epochs', 'tenant_id');

-- Tables that one statement joins must be on one node.
SELECT create_distributed_table('interactions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('survey_responses', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('raw_events', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('mentions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('contents', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('rescans', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('rescan_attempts', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('content_tickets', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('content_batches', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('delivery_targets', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('deliveries', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('delivery_customers', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('webhooks', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('webhook_events', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('webhook_messages', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('requests', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('request_counts', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('request_contents', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('request_interactions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('request_checklist', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('request_files', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('holds', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('hold_interactions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('idempotency_keys', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('actors', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('audit_events', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('audit_records', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('audit_seals', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('audit_retention', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('access_exports', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('access_export_tickets', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('job_runs', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('passes', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('pass_selections', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('pass_work', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('pass_mentions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('pass_interactions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('pass_text_mentions', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('pass_orphans', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('gc_identifiers', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('gc_objects', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('journal_entries', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('journal_contents', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('suppression_checks', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('recipients', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('recipient_clients', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('reveals', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('reveal_items', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('reveal_days', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('certificates', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('scan_rounds', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('scan_findings', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('ageing_policies', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('ageing_plans', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('ageing_work', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('aged_external_ids', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('kept_totals', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('kept_agents', 'tenant_id', colocate_with => 'epochs');
SELECT create_distributed_table('kept_scores', 'tenant_id', colocate_with => 'epochs');

-- `leases` and `_sqlx_migrations` stay local tables of the coordinator. A lease reads the database's clock in
-- an UPDATE, which a distributed table refuses, and all leases need one clock.

-- The rows that the tables contained before were copied to the shards. Without this, the originals would stay
-- on the coordinator, unseen and out of date.
SELECT truncate_local_data_after_distributing_table(logicalrelid) FROM pg_dist_partition WHERE partmethod IN ('h', 'n');

COMMIT;
