"""Orders for later: taken at this store's counter, collected here or elsewhere or shipped, paid in parts."""
