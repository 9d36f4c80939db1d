"""Arithmetic that an edge and the hub must do alike, to the last cent."""
