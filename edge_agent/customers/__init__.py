"""Who the customers of orders for later are; outside of every hash, so that they can be forgotten."""
