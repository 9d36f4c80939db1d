"""The registry of locations: their edges, their credentials, and how each of them is doing."""
