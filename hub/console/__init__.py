"""The view over all rooms: totals, one order with all that happened to it, and the shell of the pages."""
