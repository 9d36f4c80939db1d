"""A real SMTP server on this machine, which takes, refuses, or loses mail as a test tells it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "post-and-parcel"


@dataclass
class MailBox:
    """What the server took, and what it answers next: codes in turn, then yes."""

    mails: list[EmailMessage] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    """The Message-ID of every mail that reached the server whole, taken or not."""
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    sender: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(  # noqa: N802 - the server's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a sender."""
        envelope.mail_from = address
        return self.sender.pop(0) if self.sender else "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a mailbox; the answer names it, as real servers do."""
        said = self.rcpt.pop(0) if self.rcpt else "250 2.1.5 Ok"
        if said == "drop":
            return await lose(server)
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return f"{said} <{address}>"

    async def handle_DATA(  # noqa: N802 - the server's name for it
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take or refuse a mail, or lose the line when all of it has come."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.tried.append(str(mail["Message-ID"]))
        said = self.data.pop(0) if self.data else "250 2.0.0 Queued"
        if said == "drop":
            return await lose(server)
        if said.startswith("2"):
            self.mails.append(mail)
        return said


async def lose(server: SMTP) -> str:
    """Break the line as a dead machine does; the answer goes nowhere."""
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()
    return "421 gone"


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail, with the line ends of this machine."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@contextmanager
def mail_server(port: int = 0, *, sign_in: bool = False) -> Iterator[MailBox]:
    """Run a server until the block ends."""
    box = MailBox()
    loop = asyncio.new_event_loop()

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, said: object) -> AuthResult:
        right = isinstance(said, LoginPassword) and said.password == PASSWORD.encode()
        return AuthResult(success=right, handled=False)

    def protocol() -> SMTP:
        if not sign_in:
            return SMTP(box, hostname="mail.test", loop=loop)
        return SMTP(
            box,
            hostname="mail.test",
            loop=loop,
            authenticator=check,
            auth_required=True,
            auth_require_tls=False,
        )

    async def listen() -> asyncio.Server:
        return await loop.create_server(protocol, "127.0.0.1", port)

    thread = threading.Thread(target=loop.run_forever, name="mail-server", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(5)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    mine = asyncio.current_task()
    for task in asyncio.all_tasks():
        if task is not mine:
            task.cancel()
    await asyncio.sleep(0.01)
