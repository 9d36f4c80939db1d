"""A desk in a story: what every table says, and whether a choice did what its preview showed.

The outcome is read here from whole tables, not from the records that a preview chose to look at: what a
preview leaves out is found.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from hub.channels.rows import channel_endpoints
from hub.context import Hub
from hub.database import metadata
from hub.desk import steps as desk
from hub.desk.consequences import Consequences, Preview
from hub.desk.steps import Chosen, Offered, Wanted
from hub.exceptions import rows as exception_rows
from hub.exceptions.rows import exceptions
from hub.fleet.rows import directives
from hub.fulfil.rows import assignment_directives, assignment_lines, assignments
from hub.ledger.rows import entries, journals
from hub.notify.rows import notice_hooks, notices
from hub.payments.rows import gateway_commands
from hub.spine.later_rows import later_orders
from hub.spine.rows import order_lines, orders, parked
from hub.stock.rows import atp_changed, balances, hub_rights
from hub.transfers.rows import transfers
from tests.support.promising import rows

BY, ROLE = "Ada", "admin"
Facts = dict[tuple[str, ...], Any]


def dump(hub: Hub) -> dict[str, list[Any]]:
    """Return every row of every table there is."""
    with hub.database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def facts(hub: Hub) -> Facts:
    """Return what is so of every order, shelf and refund of the company, keyed as a preview keys it."""
    return {**_promises(hub), **_parts(hub), **_shelves(hub), **_outgoing(hub)}


def _promises(hub: Hub) -> Facts:
    found: Facts = {}
    numbers = {row["order_id"]: row["number"] for row in rows(hub, orders)}
    for row in rows(hub, later_orders):
        number, promise = numbers[row["order_id"]], json.loads(row["promise"])
        found["due", number] = row["due_us"]
        found["place", number] = promise["location"] if promise["kind"] == "collect" else "ship"
        found["deposits", number] = row["deposits_minor"]
        found["owed", number] = row["owed_minor"]
    for row in rows(hub, order_lines):
        key = ("line", numbers[row["order_id"]], str(row["line_no"]), row["sku"])
        found[key] = row["quantity"] - row["cancelled"]
    return found


def _parts(hub: Hub) -> Facts:
    found: Facts = {}
    units: dict[str, int] = {}
    left: dict[str, int] = {}
    for row in rows(hub, assignment_lines):
        there = row["quantity"] - row["short"] - row["given_up"]
        units[row["assignment_id"]] = units.get(row["assignment_id"], 0) + there
        left[row["assignment_id"]] = left.get(row["assignment_id"], 0) + row["fulfilled"]
    sent = {(row["edge"], row["hub_inc"], row["cseq"]) for row in rows(hub, directives) if row["sent_us"]}
    offered_to = {
        row["assignment_id"]
        for row in rows(hub, assignment_directives)
        if (row["edge"], row["hub_inc"], row["cseq"]) in sent
    }
    for row in rows(hub, assignments):
        has_left = row["state"] == "proposed" and row["assignment_id"] in offered_to
        state = "sent" if has_left else row["state"]
        asked = "?" if row["cancel_asked"] and row["ended_us"] is None else ""
        said = f"{state}{asked} {units[row['assignment_id']]}"
        found["part", row["number"], row["location"], str(row["attempt"])] = said
        stays = units[row["assignment_id"]] - left[row["assignment_id"]]
        if row["state"] == "written_off" and stays:
            found["stays", row["number"], row["location"]] = stays
    for row in rows(hub, transfers):
        found["transfer", row["number"]] = f"{row['send_state']}/{row['receive_state']}"
    return found


def _shelves(hub: Hub) -> Facts:
    found: Facts = {}
    for row in rows(hub, hub_rights):
        free = row["granted_seen"] - row["returned"] - row["allocated"] + row["ended"]
        found["right", row["location"], row["sku"]] = free
        found["promised", row["location"], row["sku"]] = row["allocated"] - row["ended"]
    for row in rows(hub, balances):
        if row["quantity"]:
            found["bucket", row["location"], row["sku"], row["bucket"]] = row["quantity"]
    return found


def _outgoing(hub: Hub) -> Facts:
    found: Facts = {}
    hooks = {row["hook_id"]: row["name"] for row in rows(hub, notice_hooks)}
    for row in rows(hub, notices):
        way = hooks.get(row["hook_id"], row["way"])
        key = ("notice", row["number"], row["kind"], way, row["state"])
        found[key] = found.get(key, 0) + 1
    refunds = sorted(
        rows(hub, gateway_commands), key=lambda row: (row["order_id"], row["created_us"], row["amount_minor"])
    )
    counts: dict[str, int] = {}
    for row in refunds:
        n = counts[row["number"]] = counts.get(row["number"], -1) + 1
        found["refund", row["number"], row["gateway"], str(row["amount_minor"]), str(n)] = row["state"]
    for row in rows(hub, channel_endpoints):
        found["channel", row["channel"]] = row["state"]
        for changed in rows(hub, atp_changed) if row["state"] == "active" else ():
            found["tells", row["channel"], changed["sku"]] = "queued"
    for row in rows(hub, parked):
        found["parked", row["edge"], str(row["seq"])] = row["state"]
    return found


def offered(hub: Hub, exception_id: str) -> dict[str, Offered]:
    """Return the choices of a card by their ids."""
    found = desk.offered(hub, exception_id, role=ROLE, by=BY)
    return {each.choice.choice_id: each for each in found}


def card(hub: Hub, kind: str) -> str:
    """Return the id of the only open card of a kind."""
    found = [row for row in rows(hub, exceptions) if row["kind"] == kind and row["state"] == "open"]
    assert len(found) == 1, [(row["kind"], row["state"]) for row in rows(hub, exceptions)]
    return str(found[0]["exception_id"])


def choose(hub: Hub, exception_id: str, choice_id: str, shown: Preview, **said: Any) -> Chosen:
    """Make a choice as it was shown; money may move."""
    given: dict[str, Any] = {
        "reason": "so it is",
        "reference": "r-1",
        "confirmed": True,
        "role": ROLE,
        "by": BY,
    } | said
    role, by = given.pop("role"), given.pop("by")
    return desk.choose(hub, exception_id, Wanted(choice_id, shown.digest, **given), role=role, by=by)


def outcome_as_shown(
    hub: Hub, exception_id: str, choice_id: str, then: Callable[[], None] | None = None, answer: str = ""
) -> Preview:
    """Make a choice and compare each thing that it did with what its preview said; return the preview.

    `then` lets those who were asked answer: what is so afterwards must be what was shown for that answer.
    """
    was, dumped = Seen(hub), dump(hub)
    shown = offered(hub, exception_id)[choice_id].preview
    assert not shown.refused, (choice_id, shown.refused)
    assert dump(hub) == dumped, "looking at a card changed something"

    done = choose(hub, exception_id, choice_id, shown)

    assert done.state == "done", done
    was.compare(shown.consequences)
    if then is not None:
        then()
        was.compare(next(each.consequences for each in shown.outcomes if each.answer == answer))
    return shown


def chosen(hub: Hub, exception_id: str) -> list[str]:
    """Return the choices that stand in the history of a card."""
    with hub.database.read() as connection:
        return [act.choice for act in exception_rows.acts_of(connection, exception_id) if act.choice]


class Seen:
    """A company at a moment, to be compared with how it is later."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.facts = facts(hub)
        self.cards = {row["exception_id"]: row["state"] for row in rows(hub, exceptions)}
        self.told = _told(hub)
        self.journals = {row["journal_id"] for row in rows(hub, journals)}

    def compare(self, said: Consequences) -> None:
        """Assert that what is otherwise now is exactly what was said."""
        after = facts(self.hub)
        really = {
            (key[0], key[1:], self.facts.get(key, ""), after.get(key, ""))
            for key in {*self.facts, *after}
            if self.facts.get(key, "") != after.get(key, "")
        }
        assert {(str(c.facet), c.of, c.before, c.after) for c in said.changes} == really
        rules = {
            row["journal_id"]: row["rule"]
            for row in rows(self.hub, journals)
            if row["journal_id"] not in self.journals
        }
        booked = [
            (rules[row["journal_id"]], row["account"], row["amount_minor"])
            for row in rows(self.hub, entries)
            if row["journal_id"] in rules
        ]
        assert [(entry.rule, entry.account, entry.amount_minor) for entry in said.journals] == booked
        heard = {(edge, kind) for edge, _cseq, kind in _told(self.hub) - self.told}
        assert {(message.to, message.kind) for message in said.messages} == heard
        moved = {
            (row["kind"], row["state"] == "open")
            for row in rows(self.hub, exceptions)
            if row["state"] != self.cards.get(row["exception_id"], "closed")
        }
        assert {(each.kind, each.opened) for each in said.cards} == moved


def _told(hub: Hub) -> set[tuple[str, int, str]]:
    """Return every directive by its kind; one that was taken back says nothing but that."""
    return {
        (row["edge"], row["cseq"], "withdrawn" if row["state"] == "withdrawn" else row["kind"])
        for row in rows(hub, directives)
    }


def as_text(preview: Preview) -> str:
    """Return a preview as JSON, to be compared."""
    return json.dumps(asdict(preview), sort_keys=True)
