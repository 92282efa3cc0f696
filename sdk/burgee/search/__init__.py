"""Search: documents by name of their index, asked with one query on tantivy, SQLite or Elasticsearch."""
