"""Commissions: what a sale earns its associate, taken back with the money that goes back."""
