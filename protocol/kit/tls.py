"""Whom a program believes when it speaks TLS."""

import ssl
from functools import cache
from pathlib import Path


@cache
def trusted(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return what checks a server's certificate: the machine's authorities, or a company's own alone.

    It is made once: to read the authorities takes longer than to start everything else of a client.
    """
    return ssl.create_default_context(cafile=ca_file)
