"""Printing in simulated time: one queue, one printer, every fault and crash point, the paper as the truth.

The spooler, its session and the works of the virtual printer are the product's own; simulated are the clock,
the line between the two, the journal's crashes, and the person who looks what came out.
"""
