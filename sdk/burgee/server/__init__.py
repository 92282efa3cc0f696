"""The ASGI application over the services."""
