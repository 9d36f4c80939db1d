"""The books: balanced, immutable journals per legal entity, posted by pure rules from events."""
