"""What stops an order, who may let it go on, and what happens when nobody does."""
