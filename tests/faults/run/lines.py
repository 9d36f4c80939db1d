"""The lines between an edge and the world, and everything that can be wrong with one.

Each edge speaks to the broker and the hub through proxies of its own, which can be cut (every connection is
reset), stand still (nothing passes, and nobody is told) or be slow. Where the machine lets us, each edge also
lives in a network of its own with two wires, and the one to the outside can be pulled: then the kernel drops
what is sent, no connection ends, and a new one finds nobody. The other wire is for the people of the store.
All of it lies in a network that the run made for itself: nobody else on the machine sees a wire come or go
(a browser, for one, drops what it does when that happens).
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

from deploy.demo.process import Spawner, leashed
from deploy.demo.proxy import Proxy, StoreLine
from protocol.errors import Unavailable

SLOW_SECONDS: Final = 0.12
"""How long each piece of a slow line takes."""
LOOK_SECONDS: Final = 0.2
COMMAND_SECONDS: Final = 10.0
TOOLS: Final = ("ip", "nsenter", "unshare")
WORLD: Final = "127.0.0.1"
CLONE_NEWNET: Final = 0x40000000
"""From linux/sched.h; the standard library knows it from Python 3.12 on."""


class BadProxy(Proxy):
    """A proxy that may be slow, or carry nothing at all for a while."""

    def __init__(self, port: int, target: tuple[str, int], host: str = WORLD) -> None:
        self.is_slow = False
        self._moves = threading.Event()
        self._moves.set()
        super().__init__(port, target, host)

    def stand_still(self) -> None:
        """Carry nothing from now on; connections stay open."""
        self._moves.clear()

    def move(self) -> None:
        """Carry everything again, what was held back first."""
        self._moves.set()

    def cut(self) -> None:
        """Reset every connection; what was held back is lost with it."""
        super().cut()
        self._moves.set()

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        while not self._moves.wait(LOOK_SECONDS):
            if self._closed.is_set():
                return
        if self.is_slow:
            self._closed.wait(SLOW_SECONDS)
        sink.sendall(data)


class BadLine(StoreLine):
    """Both proxies of one edge, and its wire where it has one."""

    def __init__(self, mqtt: BadProxy, http: BadProxy, network: "Network | None" = None) -> None:
        super().__init__(mqtt, http)
        self._both = (mqtt, http)
        self._network = network

    @property
    def has_wire(self) -> bool:
        """Whether there is a wire that can be pulled."""
        return self._network is not None

    def pull(self) -> None:
        """Pull the wire to the outside; without one, the line stands still."""
        if self._network is not None:
            self._network.pull()
        else:
            self.stand_still()

    def stand_still(self) -> None:
        """Let nothing pass, without a word."""
        for proxy in self._both:
            proxy.stand_still()

    def slow_down(self) -> None:
        """Take a long time for everything."""
        for proxy in self._both:
            proxy.is_slow = True

    def restore(self) -> None:
        """Make everything right again."""
        if self._network is not None:
            self._network.plug()
        for proxy in self._both:
            proxy.is_slow = False
            proxy.move()
        super().restore()


class Network:
    """A network of its own for the processes of one edge. It ends with the process that holds it."""

    def __init__(self, n: int, spawner: Spawner) -> None:
        """Make it. Raises Unavailable where the machine does not let us."""
        self._name = f"os{os.getpid()}n{n}"
        holder = spawner.do(
            lambda: subprocess.Popen(
                leashed(["unshare", "--net", "sleep", "infinity"]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        assert holder is not None
        self._holder = holder
        self.world, self.inside = f"10.213.0.{8 * n + 1}", f"10.213.0.{8 * n + 2}"
        """Where the edge finds the hub and the broker; the outer address of its own."""
        self.people, self.home = f"10.213.0.{8 * n + 5}", f"10.213.0.{8 * n + 6}"
        """Where the people of the store are; where they find the edge."""
        try:
            self._wait_for_holder()
            self._inside("link", "set", "lo", "up")
            self._wire(f"{self._name}w", "wan", self.world, self.inside)
            self._wire(f"{self._name}l", "lan", self.people, self.home)
        except BaseException:
            self.close()
            raise

    @property
    def prefix(self) -> list[str]:
        """Put in front of a command, this makes it run in here."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def pull(self) -> None:
        """Pull the wire to the outside."""
        _ip("link", "set", f"{self._name}w", "down")

    def plug(self) -> None:
        """Put it back."""
        _ip("link", "set", f"{self._name}w", "up")

    def close(self) -> None:
        """End it, with both wires."""
        if self._holder.poll() is None:
            os.killpg(self._holder.pid, signal.SIGKILL)
        self._holder.wait(COMMAND_SECONDS)

    def _wait_for_holder(self) -> None:
        """Wait until the holder has left our network."""
        ours, waiting = os.readlink("/proc/self/ns/net"), threading.Event()
        for _ in range(int(COMMAND_SECONDS / 0.02)):
            if self._holder.poll() is not None:
                break
            if os.readlink(f"/proc/{self._holder.pid}/ns/net") != ours:
                return
            waiting.wait(0.02)
        raise Unavailable("This machine gives nobody a network of their own.", "Run as root.")

    def _wire(self, name: str, inner: str, near: str, far: str) -> None:
        _ip("link", "add", name, "type", "veth", "peer", "name", inner, "netns", str(self._holder.pid))
        _ip("addr", "add", f"{near}/30", "dev", name)
        _ip("link", "set", name, "up")
        self._inside("addr", "add", f"{far}/30", "dev", inner)
        self._inside("link", "set", inner, "up")

    def _inside(self, *arguments: str) -> None:
        _run([*self.prefix, "ip", *arguments])


def leave_the_network() -> bool:
    """Give this process, which has one thread yet, an empty network; tells whether the machine let it."""
    if not all(shutil.which(tool, path=_path()) for tool in TOOLS):
        return False
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        return False
    _ip("link", "set", "lo", "up")
    return True


def networks(count: int, spawner: Spawner) -> list[Network]:
    """Return a network for each edge, or none where the machine has no wires. Leave the common one first."""
    made: list[Network] = []
    try:
        made.extend(Network(n, spawner) for n in range(count))
    except (Unavailable, OSError):
        for each in made:
            each.close()
        return []
    return made


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
        env={**os.environ, "PATH": _path()},
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}", "Run without networks.")
    return done.stdout


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
