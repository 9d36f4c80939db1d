"""A company of real processes under everything that can go wrong with them, and a verdict on what it kept.

    python -m tests.faults.run --minutes 10 --seed 7

A broker, the hub and five edges run while people sell, order, pick, hand over, take back and cancel. They
write down what they were told, on the disk before they go on. At the end everything heals, and a checker
compares their histories with the files of the edges and the hub, and with the books.
"""
