"""The verbs of orders for later: place, pay, cancel, change. Each is one unit of work."""
