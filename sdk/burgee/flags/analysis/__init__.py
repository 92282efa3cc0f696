"""What analysts ask of flags: who would move, who overlaps, what is stale."""
