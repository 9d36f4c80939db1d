"""The store's own cards: what can be chosen, what each choice would do, and doing it; also while dark."""
