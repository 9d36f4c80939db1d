"""Goods that go to other locations and come from them."""
