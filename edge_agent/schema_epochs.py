"""The tables of the epoch of rights and the life of this database, as `schema` runs them."""

from typing import Final

EPOCHS: Final = """
"""
