"""flagd's flag definitions, in and out."""
