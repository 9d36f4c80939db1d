"""What a store answers when it is asked to fetch other units for an order."""

from typing import Any

from hub.fleet.rows import directives
from protocol import later
from protocol.directives import DirectiveOutcome, Outcome
from protocol.fulfilment import PutBackLine
from tests.support.promising import Story, rows


def answer_change(story: Story, *, refused: str = "", edge: str = "store-1") -> later.ChangeRequested:
    """Let the store answer the newest change it was asked for: by its event, or by refusing it."""
    asked: later.ChangeRequested = newest(story, later.ChangeRequested)
    if refused:
        refuse(story, refused)
        return asked
    story.tell(
        later.AssignmentChanged(
            assignment_id=asked.assignment_id,
            order_id=asked.order_id,
            number=asked.number,
            change_id=asked.change_id,
            dropped=tuple(
                PutBackLine(line_no=line.line_no, sku=line.sku, lent=line.quantity) for line in asked.dropped
            ),
            added=asked.added,
        ),
        edge,
    )
    return asked


def refuse(story: Story, code: str) -> None:
    """Let the store refuse the newest change it was asked for."""
    told = [row for row in rows(story.hub, directives) if row["kind"] == "assignment.change"]
    row = told[-1]
    outcome = DirectiveOutcome(cseq=row["cseq"], res=Outcome.REJECTED, code=code, detail="It was too late.")
    story.answer(row["edge"], outcome)


def newest(story: Story, model: type[Any]) -> Any:
    """Return what the log says last of one kind."""
    return story.bodies(model)[-1]
