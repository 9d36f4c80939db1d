"""The one list of everything that needs a person."""
