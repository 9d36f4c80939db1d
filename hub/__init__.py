"""The centre: it applies what the stores report, keeps the record of each order and closes the books."""
