"""The daily digest: what is open, late, promised and broken, and what each store did, by mail once a day."""
