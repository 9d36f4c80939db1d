"""The demo: real processes on this machine, a day that plays itself, and a month that is replayed."""
