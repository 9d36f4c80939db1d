"""The tables of the policy of lending, as `schema` runs them."""

from typing import Final

LENDING: Final = """
"""
