"""Products: imported from a file, published to every store as one version."""
