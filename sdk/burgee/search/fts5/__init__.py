"""Search on SQLite's FTS5: the database's own answer."""
