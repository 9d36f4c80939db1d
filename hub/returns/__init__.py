"""Where goods come back: returns and voids change the order they belong to."""
