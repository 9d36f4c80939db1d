"""What surrounds every page of a store: its start, its menu, its language, the tour of the demo."""
