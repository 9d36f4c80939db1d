"""The pages of transfers."""
