"""Where orders come in: a sale at a counter becomes an order, and its arithmetic is checked."""
