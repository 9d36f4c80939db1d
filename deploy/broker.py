"""The broker that runs beside the hub: Mosquitto where it is installed, else one made of Python.

Either way nobody comes in without a name and a password, and an edge may only speak and listen under its
own name. Nothing is stored: the broker is a wire and may be wiped at any moment. The Python broker (amqtt)
speaks MQTT 3.1.1 only and is for trying things out; a shop runs Mosquitto, see `deploy/mosquitto/`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from hub.fleet.credentials import mosquitto_hash
from protocol.errors import Unavailable

HUB_USER: Final = "hub"
PACKET_BYTES: Final = 262_144
QUEUED: Final = 20_000
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 3.0
POLL_SECONDS: Final = 0.02
ACL: Final = f"""\
# The hub hears and says everything; an edge only what stands under its own name.
user {HUB_USER}
topic readwrite os/#

# A second process of the hub, by its `worker`; each further one has a block and a password of its own.
user {HUB_USER}-2
topic readwrite os/#

pattern write os/1/up/%u/#
pattern write os/1/st/%u
pattern read os/1/down/%u/#
pattern read os/1/st/hub
"""


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """The files of one broker, all in one folder."""

    home: Path

    @property
    def passwords(self) -> Path:
        """One line for each name that may come in."""
        return self.home / "passwords"

    @property
    def acl(self) -> Path:
        """Who may say and hear what."""
        return self.home / "acl"

    @property
    def config(self) -> Path:
        """Mosquitto's configuration."""
        return self.home / "mosquitto.conf"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.home / "broker.log"

    def write(self, *, host: str, port: int, lines: Iterable[str]) -> None:
        """Write all of them; `lines` are the password file's, `name:hash`."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.write_passwords(lines)
        _write(self.acl, ACL)
        _write(self.config, _config(self, host=host, port=port))

    def write_passwords(self, lines: Iterable[str]) -> None:
        """Write the password file anew, readable by nobody else."""
        _write(self.passwords, "".join(f"{line}\n" for line in lines))


def password_line(user: str, password: str) -> str:
    """Return a line of the password file."""
    return f"{user}:{mosquitto_hash(password, os.urandom(12))}"


def find_mosquitto() -> str | None:
    """Return where Mosquitto is, also where Debian puts it outside a person's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@dataclass(eq=False)
class EmbeddedBroker:
    """A broker as a process of ours. `home` may be wiped between two starts."""

    home: Path
    port: int
    host: str = "127.0.0.1"
    kind: Literal["mosquitto", "amqtt", ""] = ""
    """Empty: Mosquitto where there is one."""
    lines: list[str] = field(default_factory=list)
    launcher: Callable[[list[str]], list[str]] = list
    """Puts something in front of the command: the demo's leash, so that nothing outlives it."""
    _process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        if not self.kind:
            self.kind = "mosquitto" if find_mosquitto() else "amqtt"

    @property
    def mqtt_version(self) -> Literal["5", "3.1.1"]:
        """The version that clients of this broker must speak."""
        return "5" if self.kind == "mosquitto" else "3.1.1"

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    def runs(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Write the files, start, and return once it listens.

        Raises:
            Unavailable: it does not start; says where its log is.
        """
        files = BrokerFiles(self.home)
        files.write(host=self.host, port=self.port, lines=self.lines)
        with files.log.open("ab") as log:
            command = self.launcher(self._command(files))
            # A session of its own: Ctrl+C in a terminal is for the supervisor, which ends the broker last.
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        waiting = threading.Event()
        for _ in range(int(START_SECONDS / POLL_SECONDS)):
            if self._process.poll() is not None:
                break
            if _listens(self.host, self.port):
                return
            waiting.wait(POLL_SECONDS)
        self.kill()
        raise Unavailable(
            f"The broker did not start on {self.host}:{self.port}.",
            f"Look into {files.log}; perhaps the port is taken.",
            code="broker_not_started",
        )

    def admit(self, lines: Iterable[str]) -> None:
        """Replace who may come in; takes effect at once and cuts off nobody else."""
        self.lines = list(lines)
        BrokerFiles(self.home).write_passwords(self.lines)
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it in order."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def wipe(self) -> None:
        """Throw away everything it has; it must not run."""
        assert self._process is None
        shutil.rmtree(self.home, ignore_errors=True)

    def _command(self, files: BrokerFiles) -> list[str]:
        if self.kind == "mosquitto":
            found = find_mosquitto()
            if found is None:
                raise Unavailable(
                    "Mosquitto is not installed.", "Install it: `apt install mosquitto`.", code="no_mosquitto"
                )
            return [found, "-c", str(files.config)]
        listen = f"{self.host}:{self.port}"
        return [sys.executable, "-m", "deploy.broker_amqtt", listen, str(files.passwords)]


def _config(files: BrokerFiles, *, host: str, port: int) -> str:
    return f"""\
per_listener_settings false
persistence false
allow_anonymous false
password_file {files.passwords}
acl_file {files.acl}
# Without this, and TCP_NODELAY at the clients, a question and its answer take 90 ms.
set_tcp_nodelay true
# Never message_size_limit: it answers in a way that client libraries do not survive.
max_packet_size {PACKET_BYTES}
max_queued_messages {QUEUED}
max_queued_bytes 67108864
max_keepalive 120
log_type error
log_type warning
log_type notice
# Started by root, Mosquitto would become somebody who cannot read this folder.
user {pwd.getpwuid(os.getuid()).pw_name}
listener {port} {host}
# Otherwise any name could take another's client id and throw it out.
use_username_as_clientid true
"""


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    beside.replace(path)


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
