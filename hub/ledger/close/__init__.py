"""Closing the books of one entity and month: states, checks, signatures, and what comes late."""
