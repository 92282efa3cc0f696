"""Search on tantivy, in this process."""
