"""Money that goes back through a payment service: commands with a key, executed outside, recorded once."""
