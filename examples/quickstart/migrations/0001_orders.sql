-- Orders as the API takes them. No foreign key to products: an order outlives the product it names.
CREATE TABLE orders (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  customer   TEXT    NOT NULL CHECK (length(customer) BETWEEN 1 AND 100),
  sku        TEXT    NOT NULL CHECK (length(sku) BETWEEN 1 AND 32),
  quantity   INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
  created_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
