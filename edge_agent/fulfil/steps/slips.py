"""Which slip follows which step of fulfilment, queued in the step's own transaction.

A job names what it is about (a list, an assignment, a parcel); what stands on the paper is read when it
prints, so that a name or an address is never kept in a job, and a label shows the contact as it is then.
"""

from collections.abc import Sequence

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip


def print_list(unit: EdgeUnit, edge: Edge, list_id: str, *, by: str, revision: str = "") -> str:
    """Queue a pick list and remember that it is on paper: only another slip takes it back.

    `revision`: a change after which it says something else, so that it is no reprint of what was printed.
    """
    name = f"{list_id}:{revision}" if revision else list_id
    job_id = queue_slip(unit, edge, Slip.PICK_LIST, list_id, name, {"list_id": list_id, "by": by})
    work.note_list_job(unit, list_id, job_id)
    return job_id


def print_void(
    unit: EdgeUnit,
    edge: Edge,
    found: Assignment,
    *,
    reason: str,
    by: str,
    new_list: str = "",
    revision: str = "",
) -> str:
    """Queue the slip that stops a pick, if a list of it was given to a printer; empty when none was.

    `new_list`: the list that says what is wanted instead, after the change `revision`.
    """
    printed = work.printed_lists(unit.connection, found.assignment_id)
    if not printed:
        return ""
    facts = {
        "assignment_id": found.assignment_id,
        "number": found.number,
        "list_id": printed[-1],
        "reason": reason,
        "at_us": edge.clock.now_us(),
        "by": by,
        "new_list": new_list,
    }
    name = f"{found.assignment_id}:{revision}" if revision else found.assignment_id
    return queue_slip(unit, edge, Slip.VOID_SLIP, found.number, name, facts)


def print_packing(unit: EdgeUnit, edge: Edge, found: Assignment, parcel_id: str) -> str:
    """Queue the slip that lies in a parcel."""
    facts = {"assignment_id": found.assignment_id, "parcel_id": parcel_id, "at_us": edge.clock.now_us()}
    return queue_slip(unit, edge, Slip.PACKING_SLIP, found.number, parcel_id, facts)


def print_bag(unit: EdgeUnit, edge: Edge, found: Assignment, parcel_id: str) -> str:
    """Queue the label of one bag."""
    facts = {"assignment_id": found.assignment_id, "parcel_id": parcel_id, "at_us": edge.clock.now_us()}
    return queue_slip(unit, edge, Slip.PICKUP_LABEL, found.number, parcel_id, facts)


def print_label(unit: EdgeUnit, edge: Edge, found: Assignment, parcel_id: str, tracking: str) -> str:
    """Queue the label of one parcel of the store's own carrier."""
    facts = {"assignment_id": found.assignment_id, "parcel_id": parcel_id}
    return queue_slip(unit, edge, Slip.SHIPPING_LABEL, found.number, tracking, facts)


def print_manifest(unit: EdgeUnit, edge: Edge, number: str, seq: int) -> str:
    """Queue a manifest."""
    return queue_slip(unit, edge, Slip.MANIFEST, number, number, {"seq": seq})


def print_handover(  # noqa: PLR0917 - one slip in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    found: Assignment,
    handover_id: str,
    seq: int,
    rest: list[tuple[int, str, int]],
    back: Sequence[str],
) -> str:
    """Queue the proof of a handover; `rest` is what stays here, as (line, SKU, units).

    `back` says until when each line may come back (`edge_agent.paper.backs`).
    """
    facts = {"assignment_id": found.assignment_id, "seq": seq, "rest": rest, "back": back}
    return queue_slip(unit, edge, Slip.HANDOVER_SLIP, found.number, handover_id, facts)
