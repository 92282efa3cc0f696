"""A cache: in memory, or in Redis, with what makes it safe to lean on."""
