"""The event log as people use it: append, read, ingest, ask."""
