"""The counter: baskets, discounts, payment, the sale."""
