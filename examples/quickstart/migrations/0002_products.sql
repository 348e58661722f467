-- Products as the feed brings them; updated_at is when a row last changed, not when it was last fetched.
CREATE TABLE products (
  sku         TEXT    NOT NULL PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 32),
  name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  price_cents INTEGER NOT NULL CHECK (price_cents > 0),
  updated_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
