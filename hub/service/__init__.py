"""Customer service at the hub: one order for later with all of it, and what may be done about it."""
