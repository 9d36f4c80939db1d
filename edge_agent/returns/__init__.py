"""What comes back: units of an order sold here, and whole sales taken back on their own day."""
