"""What another decision would have been: one order under other rules, and past orders under two versions."""
