"""Search on an Elasticsearch, of whatever size."""
