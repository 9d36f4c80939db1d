"""The order's record: the log of events in apply order, the tables folded from it, and the timeline."""
