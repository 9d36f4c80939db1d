"""New rates for commissions: a whole version, from a day on that has not passed."""

from hub.commissions import rows
from hub.context import Hub
from hub.database import HubUnit
from hub.spine.steps import record
from hub.versions import must_be_newest
from protocol.clock import from_us
from protocol.commissions import CommissionPlan, CommissionPlanMade
from protocol.errors import Invalid
from protocol.kit.text import _


def save(hub: Hub, said: CommissionPlan, *, base: int, by: str) -> CommissionPlan:
    """Let rates count from their day on.

    Raises:
        Invalid: `past_day`, they would change what was earned already.
        StaleVersion: somebody else has saved since `base` was read.
    """

    def step(unit: HubUnit) -> CommissionPlan:
        known = rows.plans(unit.connection)
        must_be_newest(base, known[0].version if known else 0)
        today = from_us(hub.clock.now_us()).date().isoformat()
        if said.from_day < today:
            raise Invalid(
                _("Rates cannot begin on {day}: what was earned since stays as it was.", day=said.from_day),
                _("Let them begin today or later."),
                code="past_day",
            )
        made = CommissionPlanMade.model_validate(said.model_dump() | {"version": base + 1})
        work = hub.spine.work(unit)
        record(work, made, by=by)
        hub.finish(work, "commissions")
        return CommissionPlan.model_validate(made.model_dump())

    return hub.database.write(step)
