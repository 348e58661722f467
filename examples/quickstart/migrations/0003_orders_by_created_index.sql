-- GET /orders lists the newest first.
CREATE INDEX orders_by_created ON orders (created_at, id);
