"""Words: what they are in texts and queries, the same for every engine."""
