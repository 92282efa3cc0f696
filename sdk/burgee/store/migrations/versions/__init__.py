"""A script per layout."""
