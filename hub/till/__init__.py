"""Till sessions and their closes as the hub sees them; every Z is added up again from the events."""
