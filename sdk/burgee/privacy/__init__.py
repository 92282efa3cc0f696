"""Personal data in events: which fields are personal, whose they are, and how somebody is forgotten."""
