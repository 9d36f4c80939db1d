"""The real hub and the real stores in one thread, driven by one integer.

Nothing here re-implements the product: journal, stock, wire, inbox and ledger are the shipped code on real
SQLite files. What a seed decides is everything around them: the time, the ids, the order of events, what the
network loses, when a process dies and how much of its last writing reached the disk.
"""
