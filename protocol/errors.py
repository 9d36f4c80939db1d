"""Every error this system raises on purpose.

    OrderspineError
    ├── Refused                  the request is understood and may not be done
    │   ├── IllegalTransition    the record is not in a state that allows it
    │   ├── NotPermitted         this person's role does not allow it
    │   ├── StaleVersion         what the screen showed has changed since
    │   ├── OutOfStock           the store has not enough of this SKU free
    │   └── OutOfRights          the hub has not enough rights to this SKU
    ├── Invalid                  the request is malformed; nothing of it was done
    │   └── NotFound             nothing is known under that name or number
    ├── NotSignedIn              nobody is signed in, or the session has ended
    ├── Conflict                 the same key was used twice for different things
    ├── BadMessage               a message on the wire cannot be understood
    │   ├── TooLarge             a message is larger than the wire carries
    │   └── BrokenChain          a stream does not continue where it left off
    └── Unavailable              nothing is wrong with the request; try again later
        ├── TooManyTries         too many wrong attempts; wait before the next one
        └── PrinterUnavailable   the job waits in the queue and prints when the printer is back

An error says what happened and what to do about it, because the person who reads it is an
associate at a counter, not the author. `code` is stable: screens, logs and tests match on it.
"""

from typing import ClassVar


class OrderspineError(Exception):
    """Base of every deliberate error. Never raised itself."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500

    def __init__(self, what: str, remedy: str, *, code: str | None = None, **facts: object) -> None:
        """Keep two sentences for a person, and the facts for a program.

        `code` refines the class's own code where one class serves several refusals.
        """
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy
        self.facts = facts
        self.reason = code or self.code


class Refused(OrderspineError):
    """The request is understood and may not be done."""

    code = "refused"
    http_status = 409


class IllegalTransition(Refused):
    """The record is not in a state that allows it."""

    code = "illegal_transition"


class NotPermitted(Refused):
    """This person's role does not allow it."""

    code = "not_permitted"
    http_status = 403


class StaleVersion(Refused):
    """What the screen showed has changed since."""

    code = "stale_version"


class OutOfStock(Refused):
    """The store has not enough of this SKU free."""

    code = "out_of_stock"


class OutOfRights(Refused):
    """The hub has not enough rights to this SKU."""

    code = "out_of_rights"


class Invalid(OrderspineError):
    """The request is malformed; nothing of it was done."""

    code = "invalid"
    http_status = 422


class NotFound(Invalid):
    """Nothing is known under that name or number."""

    code = "not_found"
    http_status = 404


class NotSignedIn(OrderspineError):
    """Nobody is signed in, or the session has ended."""

    code = "not_signed_in"
    http_status = 401


class Conflict(OrderspineError):
    """The same key was used twice for different things."""

    code = "conflict"
    http_status = 409


class BadMessage(OrderspineError):
    """A message on the wire cannot be understood."""

    code = "bad_message"
    http_status = 400


class TooLarge(BadMessage):
    """A message is larger than the wire carries."""

    code = "too_large"
    http_status = 413


class BrokenChain(BadMessage):
    """A stream does not continue where it left off."""

    code = "broken_chain"


class Unavailable(OrderspineError):
    """Nothing is wrong with the request; try again later."""

    code = "unavailable"
    retryable = True
    http_status = 503


class TooManyTries(Unavailable):
    """Too many wrong attempts; wait before the next one."""

    code = "too_many_tries"
    http_status = 429


class PrinterUnavailable(Unavailable):
    """The job waits in the queue and prints when the printer is back."""

    code = "printer_unavailable"
