"""Benchmarks: each row is ours over a limit that a few bare lines reach in the same run."""
