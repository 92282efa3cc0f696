"""API keys: who may call a server, and how far."""
