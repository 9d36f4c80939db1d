"""The wire to the hub: the outgoing stream, the inbox of directives, presence."""
