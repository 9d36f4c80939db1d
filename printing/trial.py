"""One test page to one printer, outside any queue, with every answer told to the person who asked."""

from collections.abc import Iterator

from printing.documents.test_page import PrinterTestFacts, printer_test
from printing.encoder import encode
from printing.evidence import ASK_TO_ANSWER, ASK_WHEN_THERE
from printing.profiles import Profile
from printing.session import Session
from printing.transports.tcp9100 import Tcp9100
from protocol.clock import Clock, from_us
from protocol.errors import PrinterUnavailable
from protocol.ids import IdMaker, slip_code

ANSWER_SECONDS = 2.0
PRINT_SECONDS = 15.0


def print_test_page(host: str, port: int, profile: Profile, clock: Clock, ids: IdMaker) -> Iterator[str]:
    """Send a test page and yield what happened, sentence by sentence.

    Raises:
        PrinterUnavailable: when the printer cannot be reached, or says that it cannot print.
    """
    transport = Tcp9100(host, port)
    session = Session(transport.connect(3.0), clock)
    try:
        yield f"{transport.name} accepts connections."
        yield _status(session, transport.name)
        facts = PrinterTestFacts(
            place=transport.name,
            printer=transport.name,
            profile=profile.name,
            columns=profile.columns,
            dots=profile.dots,
            printed_at=from_us(clock.now_us()),
            code=slip_code("x", ids.secret(4), 1),
        )
        body = encode(printer_test(facts), profile)
        token = "P" + ids.secret(2)[:3]
        out = body.data + ASK_TO_ANSWER + token.encode() + ASK_WHEN_THERE
        sent = 0
        while sent < len(out):
            sent += session.exchange(out[sent:], 1.0)
        yield f"Sent {len(out)} bytes."
        yield from _confirmation(session, token, clock)
    finally:
        session.close()


def _status(session: Session, name: str) -> str:
    if not session.learn_status(ANSWER_SECONDS):
        return "It does not answer questions about its status (DLE EOT): use a profile that confirms nothing."
    if session.status.blocked:
        cause = (
            "no paper"
            if session.status.paper_end
            else "cover open"
            if session.status.cover_open
            else "a fault"
        )
        raise PrinterUnavailable(f"The printer {name} cannot print: {cause}.", "Put it right and try again.")
    return "It answers questions about its status: ready to print."


def _confirmation(session: Session, token: str, clock: Clock) -> Iterator[str]:
    until = clock.monotonic() + PRINT_SECONDS
    while session.numbers == 0 and token not in session.tokens and clock.monotonic() < until:
        session.exchange(b"", 0.2)
    settle = clock.monotonic() + 0.5
    while clock.monotonic() < settle:
        session.exchange(b"", 0.1)
    if token in session.tokens:
        yield "It confirmed the print with our token (GS ( H): best kind of printer."
    elif session.numbers:
        yield "It confirmed the print by a queued status (GS r): good."
    else:
        yield "It did not confirm the print: its slips will read 'sent, unconfirmed'."
