"""Whether an order may go on: payment, fraud, customer, tax, availability, by rules that the company sets."""
