"""The agent of one location: it captures, reserves, prints and never waits for the hub."""
