"""Goods on their way between locations: asked for, sent, received, and back to zero."""
