"""What needs a person in this store, once per cause and until the cause is gone."""
