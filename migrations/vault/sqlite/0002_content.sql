-- The key of each piece of content, wrapped by the tenant's key of the version named: without its row here the content is
-- unreadable in every copy.
CREATE TABLE content_keys (
    tenant_id   BLOB NOT NULL,
    content_id  BLOB NOT NULL,
    wrapped     BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, content_id)
) STRICT;
