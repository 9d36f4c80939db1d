"""A real edge process for tests: started on a free port, killed without warning, started again."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port


class RunningEdge:
    """A real edge process that can be killed without warning and started again."""

    def __init__(self, folder: Path) -> None:
        """Write the settings of a store in a folder."""
        self.port = free_port()
        self.config = folder / "edge.toml"
        self.config.write_text(
            f'edge = "store-1"\nport = {self.port}\ndata_dir = "{folder}/data"\n'
            f'marker_file = "{folder}/marker"\n'
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        code = "from edge_agent.cli import edge_app; edge_app()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "run", "--config", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        waiting = threading.Event()
        for _ in range(300):
            try:
                if httpx.get(f"{self.url}/healthz", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                assert self.process.poll() is None, "the edge ended while starting"
            waiting.wait(0.05)
        pytest.fail("the edge did not answer")

    def end(self, how: signal.Signals) -> int:
        """End it with a signal and return its exit code."""
        assert self.process is not None
        os.kill(self.process.pid, how)
        return self.process.wait(10)
