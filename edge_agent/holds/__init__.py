"""What stops an order in this store, told by the hub or found by a check of the store itself."""
