-- A random number that changes with each change of the tenant's recipients. A process remembers the recipients of clients
-- while it stays the same. A tenant without a value has never had any.
ALTER TABLE tenants ADD COLUMN recipients_epoch BIGINT;
