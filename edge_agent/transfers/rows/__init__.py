"""Tables of transfers: reads, work in hand, and what facts write."""
