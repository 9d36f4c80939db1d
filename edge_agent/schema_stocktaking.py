"""The tables of counts, adjustments and receipts, as `schema` runs them."""

from typing import Final

STOCKTAKING: Final = """
"""
