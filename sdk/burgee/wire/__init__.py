"""How a protocol crosses HTTP: operations, routes, clients, Arrow streams, errors."""
