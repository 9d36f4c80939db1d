"""Sign in, sign out, ask another person's word in place, add people.

A try is counted before the PIN is compared, in a step of its own: whoever sends a hundred guesses at once is
still stopped at the fifth. Comparing takes about 170 ms of a core on purpose and runs beside the event loop.
"""

from dataclasses import dataclass

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.people import rows
from edge_agent.people.rules import (
    APPROVAL_US,
    LOCKED_US,
    TRIES,
    check_new_pin,
    locked_seconds,
    person_id_from,
    role_word,
)
from edge_agent.people.sessions import SESSION_DIGITS, SignIns, token_hash
from protocol.errors import Invalid, NotFound, NotPermitted, NotSignedIn, TooManyTries
from protocol.events import SignInFailed
from protocol.ids import IdMaker
from protocol.kit.sqlite import Connection, IntegrityError
from protocol.kit.text import _, inside
from protocol.kit.web.secrets import hash_secret, verify_secret_aside
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import Approval
from protocol.people import StoreRole, at_least
from protocol.rules.discounts import Act, Allowed, needs_approval


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that holds: the secret for a program, the person for a page."""

    token: str
    person: CurrentPerson


async def sign_in(
    edge: Edge, sign_ins: SignIns, *, person_id: str = "", badge: str = "", pin: str, device: str
) -> SignedIn:
    """Sign a person in by tile or badge, and PIN.

    Raises:
        NotSignedIn: the PIN is wrong, or nobody is known under that tile or badge.
        TooManyTries: the tile is locked; says for how long.
    """
    person = await check_pin(edge, person_id=person_id, badge=badge, pin=pin, device=device)
    token = edge.ids.secret(24)
    digest = token_hash(token)
    current = CurrentPerson(person.person_id, person.name, person.role, device, digest[:SESSION_DIGITS])

    def step(unit: EdgeUnit) -> None:
        at_us = edge.clock.now_us()
        rows.insert_sign_in(unit, digest, person.person_id, device, at_us)
        unit.after_commit(lambda: sign_ins.begin(digest, current, at_us))

    await edge.database.awrite(step)
    return SignedIn(token, current)


async def sign_out(edge: Edge, sign_ins: SignIns, person: CurrentPerson) -> None:
    """End a sign-in. Nothing is lost by it: what was captured is stored and will be sent."""

    def step(unit: EdgeUnit) -> None:
        rows.end_sign_ins(unit, "session", person.session_id, edge.clock.now_us())
        unit.after_commit(lambda: sign_ins.end_session(person.session_id))

    await edge.database.awrite(step)


async def check_pin(
    edge: Edge, *, person_id: str = "", badge: str = "", pin: str, device: str
) -> rows.Person:
    """Return the person whose PIN this is; a wrong one counts, and the fifth in a row locks the tile."""
    reader = edge.database.read()
    person = rows.find_badge(reader, badge) if badge else rows.find_person(reader, person_id)
    if person is None or not person.active:
        await verify_secret_aside(None, pin)
        raise _wrong(badge)
    chosen = person.person_id
    await edge.database.awrite(lambda unit: _begin_try(unit, edge, chosen))
    if await verify_secret_aside(person.pin_hash, pin):
        await edge.database.awrite(lambda unit: rows.set_tries(unit, chosen, failed=0, locked_until_us=0))
        return person
    left = await edge.database.awrite(lambda unit: _failed_try(unit, edge, chosen, device))
    if left <= 0:
        raise _locked(LOCKED_US // 1_000_000)
    raise _wrong(badge, left)


def _begin_try(unit: EdgeUnit, edge: Edge, person_id: str) -> None:
    person = rows.find_person(unit.connection, person_id)
    assert person is not None
    seconds = locked_seconds(person.locked_until_us, edge.clock.now_us())
    if seconds > 0:
        raise _locked(seconds)
    if person.failed >= TRIES and person.locked_until_us == 0:
        raise _locked(1)  # five guesses are being compared at this moment
    failed = 0 if person.locked_until_us else person.failed
    rows.set_tries(unit, person_id, failed=failed + 1, locked_until_us=0)


def _failed_try(unit: EdgeUnit, edge: Edge, person_id: str, device: str) -> int:
    """Lock the tile when that was the last try; return how many are left."""
    person = rows.find_person(unit.connection, person_id)
    assert person is not None
    if person.failed >= TRIES and person.locked_until_us == 0:
        until_us = edge.clock.now_us() + LOCKED_US
        rows.set_tries(unit, person_id, failed=person.failed, locked_until_us=until_us)
        edge.journal.record(unit, SignInFailed(person_id=person_id, tries=person.failed), device=device)
    return TRIES - person.failed


def settle_tries(unit: EdgeUnit, edge: Edge) -> None:
    """Lock the tiles whose last try was being compared when the program ended."""
    rows.lock_undecided(unit, TRIES, edge.clock.now_us() + LOCKED_US)


def _wrong(badge: str, left: int | None = None) -> NotSignedIn:
    if badge and left is None:
        return NotSignedIn(
            _("This badge is not known here, or the PIN is wrong."),
            _("Scan it again, or tap your name."),
            code="wrong_pin",
        )
    if left is None:
        return NotSignedIn(
            _("That is not the PIN of this person."),
            _("Tap your own name, then type it again."),
            code="wrong_pin",
        )
    return NotSignedIn(
        _("That is not the PIN of this person."),
        _("Type it again; {left} more tries before the tile is locked for a while.", left=left),
        code="wrong_pin",
        tries_left=left,
    )


def _locked(seconds: int) -> TooManyTries:
    return TooManyTries(
        _("This tile is locked after {tries} wrong PINs.", tries=TRIES),
        _("Try again in {seconds} seconds, or ask a manager for a new PIN.", seconds=seconds),
        code="person_locked",
        retry_after_seconds=seconds,
    )


async def approve(edge: Edge, *, person_id: str, pin: str, action: str, reason: str, device: str) -> str:
    """Give another person's word for one action at this device; return the token that carries it."""
    person = await check_pin(edge, person_id=person_id, pin=pin, device=device)
    token = edge.ids.secret(16)

    def step(unit: EdgeUnit) -> None:
        rows.insert_approval(
            unit,
            token_hash=token_hash(token),
            person_id=person.person_id,
            action=action,
            reason=reason,
            device=device,
            expires_us=edge.clock.now_us() + APPROVAL_US,
        )

    await edge.database.awrite(step)
    return token


@dataclass(frozen=True, slots=True)
class Given:
    """Another person's word, as it goes into the event, with what that person may do."""

    approval: Approval
    role: StoreRole


def spend_approval(unit: EdgeUnit, edge: Edge, token: str, action: str | None = None) -> Given:
    """Use up a token; the word is gone once this unit of work is committed.

    Without `action` the caller looks at what the word was given for.

    Raises:
        NotPermitted: there is no such word, it has lapsed, or it was given for something else.
    """
    found = rows.take_approval(unit, token_hash(token))
    if found is not None:
        person_id, given_for, reason, expires_us = found
        person = rows.find_person(unit.connection, person_id)
        in_time = edge.settings.replay_clock or edge.clock.now_us() <= expires_us
        if person is not None and person.active and action in {None, given_for} and in_time:
            return Given(Approval(action=given_for, by=person_id, reason=reason), person.role)
    raise NotPermitted(
        _("This approval has lapsed, was used already, or was given for something else."),
        _("Ask for it again; the basket is kept."),
        code="bad_approval",
        action=action,
    )


def authorise(
    unit: EdgeUnit,
    edge: Edge,
    person: CurrentPerson,
    act: Act,
    *,
    token: str | None = None,
    percent_ppm: int = 0,
    amount_minor: int = 0,
) -> Given | None:
    """Return None when this person may do it alone, else the word of the one whose token came along.

    Raises:
        NotPermitted: `needs_approval`, with the role in `facts`; nothing was changed.
    """

    def judged(role: str) -> StoreRole | None:
        answer = needs_approval(
            StoreRole(role), act, percent_ppm=percent_ppm, amount_minor=amount_minor, authority=edge.authority
        )
        return None if isinstance(answer, Allowed) else answer.role_needed

    needed = judged(person.role)
    if needed is None:
        return None
    if token is None:
        raise approval_needed(act, needed)
    given = spend_approval(unit, edge, token, act)
    still_needed = judged(given.role)
    if still_needed is not None:
        raise approval_needed(act, still_needed)
    return given


def require_word(  # noqa: PLR0917 - reads as a sentence: who, what, whose word
    unit: EdgeUnit, edge: Edge, person: CurrentPerson, action: str, needed: StoreRole, token: str | None
) -> Given | None:
    """Do the same for an action that is judged by role alone and has no row in the table of limits."""
    if at_least(StoreRole(person.role), needed):
        return None
    if token is None:
        raise approval_needed(action, needed)
    given = spend_approval(unit, edge, token, action)
    if not at_least(given.role, needed):
        raise approval_needed(action, needed)
    return given


def require_other(  # noqa: PLR0917 - reads as a sentence: who, what, whose word
    unit: EdgeUnit, edge: Edge, person: CurrentPerson, action: str, needed: StoreRole, token: str | None
) -> Given:
    """Return the word of somebody else with enough authority; nobody gives it to themselves.

    Raises:
        NotPermitted: `needs_approval`, also when the word is this person's own.
    """
    if token is None:
        raise approval_needed(action, needed, other_than=person.person_id)
    given = spend_approval(unit, edge, token, action)
    if given.approval.by == person.person_id or not at_least(given.role, needed):
        raise approval_needed(action, needed, other_than=person.person_id)
    return given


def approval_needed(action: str, needed: StoreRole, *, other_than: str = "") -> NotPermitted:
    """Return the refusal that a screen turns into "ask a lead", keeping what is on it.

    `other_than`: the person who cannot give it, because it must be somebody else's.
    """
    other = {"other_than": other_than} if other_than else {}
    return NotPermitted(
        _("This needs the word of a {role}.", role=inside(role_word(needed))),
        _(
            "Ask a {role} to type their PIN here; nothing on the screen is lost.",
            role=inside(role_word(needed)),
        ),
        code="needs_approval",
        action=action,
        role=needed.value,
        **other,
    )


def name_of(connection: Connection, person_id: str) -> str:
    """Return what a person is called on paper and screens; somebody who is not known here by their id."""
    found = rows.find_person(connection, person_id)
    return found.name if found else person_id


def add_person(
    edge: Edge, *, name: str, role: StoreRole, pin: str, badge: str | None = None, language: str = "en"
) -> rows.Person:
    """Add somebody to this store.

    Raises:
        Invalid: the PIN is too easy, or the badge belongs to somebody else.
    """
    check_new_pin(pin, demo=edge.settings.demo)
    pin_hash = hash_secret(pin)

    def step(unit: EdgeUnit) -> rows.Person:
        taken = frozenset(row.person_id for row in rows.everybody(unit.connection, active_only=False))
        person = rows.Person(person_id_from(name, taken), name, role, badge, language, True, 0, 0, pin_hash)  # noqa: FBT003 - a row in the order of its columns
        try:
            rows.insert_person(unit, person)
        except IntegrityError as error:
            raise Invalid(
                _("This badge belongs to somebody else."), _("Give another badge."), code="badge_taken"
            ) from error
        return person

    return edge.database.write(step)


def new_pin(ids: IdMaker) -> str:
    """Return a random PIN that a person may keep."""
    while True:
        pin = f"{int(ids.secret(8), 16) % 1_000_000:06d}"
        try:
            check_new_pin(pin)
        except Invalid:
            continue
        return pin


def change_pin(edge: Edge, person_id: str, pin: str) -> None:
    """Give somebody a new PIN, lift their lock and end their sign-ins.

    Raises:
        NotFound: nobody has this id.
    """
    check_new_pin(pin, demo=edge.settings.demo)
    pin_hash = hash_secret(pin)

    def step(unit: EdgeUnit) -> None:
        if rows.find_person(unit.connection, person_id) is None:
            raise NotFound(
                _("Nobody here is called {id}.", id=person_id), _("See `orderspine edge person list`.")
            )
        rows.set_pin_hash(unit, person_id, pin_hash)
        rows.end_sign_ins(unit, "person", person_id, edge.clock.now_us())

    edge.database.write(step)
