"""Where things are kept: the database, the event log and the current state of aggregates."""
