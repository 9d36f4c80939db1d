"""The web shell that the edge agent and the hub share: look, scanning, sign-in, safety, live updates."""
