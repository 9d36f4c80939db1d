"""The tables of transfers, as `schema` runs them."""

from typing import Final

TRANSFERS: Final = """
"""
