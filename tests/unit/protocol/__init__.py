"""Tests of the language both sides speak."""
