"""Who works in this store: tiles, PINs, badges, sessions, and another person's word for one action."""
