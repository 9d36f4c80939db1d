"""What lies in this store, in which bucket, and why a number changed."""
