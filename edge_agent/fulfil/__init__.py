"""Fulfilment at a store: assignments are picked, packed, staged, shipped and handed over, line or no line."""
