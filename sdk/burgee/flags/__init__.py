"""Feature flags: who sees what, why, since when."""
