"""The line to the mail server: opened once per round, and exact about what it knows.

What a reader would get wrong: a mail is certainly undelivered until the dot that ends it has left, whatever
breaks. From then until the server's answer nobody knows, and only that is told apart as a doubt. The words of
a server are never kept or logged, because they often repeat the customer's address; its codes are.
"""

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Literal

from hub.settings import HubSettings
from protocol.errors import Invalid, Unavailable
from protocol.kit.mqtt import read_secret
from protocol.kit.tls import trusted

TIMEOUT_SECONDS: Final = 10.0
"""For every answer of the server; a slow one costs its round, not the hub."""
_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
_STATUS: Final = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended.

    `refused` is lasting and `later` passes; `broken` lost the line with nothing delivered; `doubt` lost it
    when the server may have had all of it; `sender` refuses the address that we send from, so every mail.
    """

    how: Literal["sent", "refused", "later", "broken", "doubt", "sender"]
    code: str = ""


def open_line(settings: HubSettings) -> smtplib.SMTP:
    """Return a line that is ready for mail.

    Raises:
        Unavailable: the server does not answer, does not speak TLS as it is told to, or refuses the sign-in.
    """
    line: smtplib.SMTP | None = None
    try:
        password = read_secret(settings.smtp_password_file)
        if settings.smtp_security == "tls":
            line = smtplib.SMTP_SSL(
                settings.smtp_host,
                settings.smtp_port,
                timeout=TIMEOUT_SECONDS,
                context=trusted(),
            )
        else:
            line = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS)
        line.ehlo_or_helo_if_needed()
        if settings.smtp_security == "starttls":
            line.starttls(context=trusted())
            line.ehlo_or_helo_if_needed()
        if settings.smtp_user:
            line.login(settings.smtp_user, password)
    except (OSError, smtplib.SMTPException, Invalid) as error:  # an SMTPException's own words stay here
        if line is not None:
            line.close()
        raise Unavailable(
            f"The mail server {settings.smtp_host}:{settings.smtp_port} cannot be used.",
            "Check smtp_host, its port, security and password; mail waits and is sent afterwards.",
            code=_why(error),
        ) from None
    return line


def close_line(line: smtplib.SMTP) -> None:
    """Say goodbye; a server that is gone already needs none."""
    try:
        line.quit()
    except (OSError, smtplib.SMTPException):
        line.close()


def hand_over(line: smtplib.SMTP, mail: EmailMessage, *, sender: str) -> Outcome:
    """Give one mail to the server and say exactly what is known about it then."""
    body = _DOT.sub(b"..", mail.as_bytes())
    to = mail["To"].addresses[0].addr_spec
    ended = False
    try:
        code, said = line.mail(sender)
        if code != 250:
            return _answer(line, code, said, sender=True)
        code, said = line.rcpt(to)
        if code not in (250, 251):
            return _answer(line, code, said)
        code, said = line.docmd("DATA")
        if code != 354:
            return _answer(line, code, said)
        line.send(body)
        ended = True
        line.send(b".\r\n")
        code, said = line.getreply()
    except (OSError, smtplib.SMTPException) as error:
        line.close()
        return Outcome("doubt" if ended else "broken", _why(error))
    return Outcome("sent", str(code)) if code == 250 else _answer(line, code, said)


def _answer(line: smtplib.SMTP, code: int, said: bytes, *, sender: bool = False) -> Outcome:
    """Return what an answer other than yes means; the line is ready for the next mail."""
    status = _STATUS.match(said)
    shown = f"{code} {status[1].decode()}" if status else str(code)
    if code == 421:  # the server says goodbye
        line.close()
        return Outcome("broken", shown)
    try:
        line.rset()
    except (OSError, smtplib.SMTPException):
        line.close()
    if not 500 <= code <= 599:
        return Outcome("later", shown)
    return Outcome("sender" if sender else "refused", shown)


def _why(error: Exception) -> str:
    """Return what broke without the server's words: its code, or the kind of failure."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"smtp_{error.smtp_code}"
    if isinstance(error, Invalid):
        return error.reason
    known: tuple[tuple[type[Exception], str], ...] = (
        (smtplib.SMTPServerDisconnected, "disconnected"),
        (smtplib.SMTPNotSupportedError, "not_supported"),
        (ssl.SSLError, "no_tls"),
        (TimeoutError, "timeout"),
        (ConnectionError, "no_connection"),
    )
    return next((code for kind, code in known if isinstance(error, kind)), "no_connection")
