"""A port for one server of a test."""

import random

from deploy.demo.ports import free_ports


def free_port() -> int:
    """Return a port that nobody else is given while this process runs, or until it is let go."""
    (port,) = free_ports(1, random.Random())
    return port
