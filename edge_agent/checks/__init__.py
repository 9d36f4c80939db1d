"""Checks of orders at the counter, by the rules that the hub sent, with and without a line."""
