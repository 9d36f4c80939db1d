"""What can be sold: products and their codes, imported or published, searched and scanned."""
