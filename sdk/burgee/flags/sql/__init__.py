"""A flag as SQL: for frames, for warehouses."""
