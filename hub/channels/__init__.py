"""Telling channels what they may sell: webhooks on every change of what can be promised."""
