-- Whom the files of a delivery were made for, as their metadata name him: the interaction may be sent again with another
-- customer, and whoever is forgotten is told of the files all the same. A row for each claim under which a file got its
-- name. The night deletes a customer's rows with the customer.
CREATE TABLE delivery_customers (
    tenant_id      BLOB NOT NULL,
    interaction_id BLOB NOT NULL,
    delivery_id    BLOB NOT NULL,
    claim          BLOB NOT NULL,
    phone_id       BLOB,
    email_id       BLOB,
    PRIMARY KEY (tenant_id, interaction_id, delivery_id, claim)
) STRICT;
CREATE INDEX delivery_customers_phone ON delivery_customers (tenant_id, phone_id) WHERE phone_id IS NOT NULL;
CREATE INDEX delivery_customers_email ON delivery_customers (tenant_id, email_id) WHERE email_id IS NOT NULL;
