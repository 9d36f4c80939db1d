"""Tests of Orderspine; a package so that python-barcode's own `tests` package cannot shadow it."""
