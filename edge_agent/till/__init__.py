"""The store's day: float, readings, blind count and the numbered close, all without the network."""
