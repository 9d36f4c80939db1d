"""A conversation with one printer over one connection: questions, answers, and what is known so far."""

from collections import deque
from typing import Final

from printing.status import (
    CLEAR,
    LABEL_QUESTIONS,
    QUESTIONS,
    AnswerParser,
    Cleared,
    LabelAnswerParser,
    Noise,
    Number,
    PrinterStatus,
    RealTimeByte,
    Report,
    Token,
    with_answers,
    with_report,
)
from printing.transports.base import Link
from protocol.clock import Clock
from protocol.errors import PrinterUnavailable

PROBE: Final = "Q~~~"
"""The token of the question what a printer can say; no slip has it."""
HEADER_END: Final = bytes(16)  # longer than any command without its payload; printers ignore it


class Session:
    """One connection with its answers. Nothing learnt here outlives the connection."""

    def __init__(self, link: Link, clock: Clock, language: str = "escpos") -> None:
        self.status = PrinterStatus()
        self.tokens: list[str] = []
        self.numbers = 0
        self.noise = 0
        self.cleared = False
        self.named = self.numbered = False  # it answered a probe, however late
        self.heard_at: float | None = None
        self._link = link
        self._clock = clock
        self._questions = LABEL_QUESTIONS if language == "zpl" else QUESTIONS
        self._parser: AnswerParser | LabelAnswerParser = (
            LabelAnswerParser() if language == "zpl" else AnswerParser()
        )
        self._unanswered: deque[list[int]] = deque()
        self._asked = bytearray()

    def begin(self) -> None:
        """Let a command end that an earlier connection left half told, before questions become part of it.

        Without these bytes `10 04` could be taken for the size of a picture, and the next slips for dots.
        """
        self._asked += HEADER_END

    @property
    def asking(self) -> bool:
        """Tell whether a set of questions waits for its answers."""
        return bool(self._unanswered)

    def ask(self) -> None:
        """Ask for the status with the next exchange, unless the last questions are still open."""
        if not self._unanswered:
            self._unanswered.append([])
            self._asked += self._questions

    def forget_questions(self) -> None:
        """Wait for no answer any more, because this printer gives none; what seemed to be one was noise."""
        self.status = PrinterStatus()
        self._unanswered.clear()
        self._asked.clear()

    def exchange(self, out: bytes, timeout_seconds: float) -> int:
        """Send and read what is possible within the timeout; return how many bytes of `out` went.

        Questions go first and whole, so that they never stand inside another command.

        Raises:
            PrinterUnavailable: when the connection is lost.
        """
        if self._asked:
            sent, data = self._link.exchange(bytes(self._asked), timeout_seconds)
            del self._asked[:sent]
            self._hear(data)
            return 0
        sent, data = self._link.exchange(out, timeout_seconds)
        self._hear(data)
        return sent

    def _hear(self, data: bytes) -> None:
        if not data:
            return
        self.heard_at = self._clock.monotonic()
        for answer in self._parser.feed(data):
            match answer:
                case RealTimeByte(bits):
                    self._answered(bits)
                case PrinterStatus():
                    self._unanswered.clear()
                    self.status = answer
                case Report():
                    self.status = with_report(self.status, answer)
                case Token(text):
                    self.tokens.append(text)
                    self.named = self.named or text == PROBE
                case Number():
                    self.numbers += 1
                    self.numbered = True
                case Cleared():
                    self.cleared = True
                case Noise():
                    self.noise += 1

    def _answered(self, bits: int) -> None:
        if not self._unanswered:
            return
        answers = self._unanswered[0]
        answers.append(bits)
        if len(answers) == 4:
            self._unanswered.popleft()
            self.status = with_answers((answers[0], answers[1], answers[2], answers[3]))

    def learn_status(self, timeout_seconds: float) -> bool:
        """Ask and wait for the whole answer; tell whether it came in time.

        Raises:
            PrinterUnavailable: when the connection is lost.
        """
        self.ask()
        until = self._clock.monotonic() + timeout_seconds
        while self.asking:
            left = until - self._clock.monotonic()
            if left <= 0:
                return False
            self.exchange(b"", left)
        return True

    def clear(self, timeout_seconds: float) -> bool:
        """Let the printer drop what it was sent before; tell whether it says that it did.

        Raises:
            PrinterUnavailable: when the connection is lost.
        """
        self.cleared = False
        self._asked += CLEAR
        until = self._clock.monotonic() + timeout_seconds
        while not self.cleared and (left := until - self._clock.monotonic()) > 0:
            self.exchange(b"", left)
        return self.cleared

    def close(self) -> None:
        """End the connection."""
        self._link.close()


def silent(name: str) -> PrinterUnavailable:
    """Return what is raised when a printer in the middle of a slip says nothing any more."""
    return PrinterUnavailable(
        f"The printer {name} stopped answering.", "Look whether the slip is there.", code="silent"
    )
