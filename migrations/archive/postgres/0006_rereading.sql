-- A text is stored under a new id when it is read again: its callers go on calling it by the one it had first.
ALTER TABLE contents ADD COLUMN public_id UUID;
CREATE UNIQUE INDEX contents_public ON contents (tenant_id, public_id) WHERE public_id IS NOT NULL;

-- The identifiers that texts are to be searched for: their interaction learned them after the text came. Of a text that is
-- missing the object was not there; what was searched for stays, done, until the night has noted that it leaves.
CREATE TABLE rereadings (
    tenant_id     UUID NOT NULL,
    content_id    UUID NOT NULL,
    identifier_id UUID NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('noted', 'missing', 'done')),
    PRIMARY KEY (tenant_id, content_id, identifier_id)
);
CREATE INDEX rereadings_identifier ON rereadings (tenant_id, identifier_id);
