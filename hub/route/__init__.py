"""Who fulfils what: one decision after a capture, and another one when its location gives it back."""
