"""Files of a tenant: their bytes in a folder or S3, what is known of them in the log."""
