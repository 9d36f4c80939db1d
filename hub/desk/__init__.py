"""The desk: what can be chosen about an exception, what each choice would do, and doing it."""
