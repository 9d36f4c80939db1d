"""Tests that hold for whatever values Hypothesis thinks of."""
