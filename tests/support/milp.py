"""The best plan of a routing question by a solver of mixed integer programs: it shares nothing with ours.

Units of a line at a location are a choice of one level, a service a choice of one weight band; what is late
and what is unserved is minimised first, then, with that held, money and shipments.
"""

import itertools
from typing import Any

import highspy

from hub.route.rules.instance import Instance, Objective, Site

LATE_WEIGHT = 1_000
"""Above the late unit-days of a made-up question."""
SHIPMENT_WEIGHT = 64


class _Model:
    """One question as columns and rows."""

    def __init__(self, instance: Instance, force: str, forbid: frozenset[str]) -> None:
        self.solver = highspy.Highs()  # type: ignore[no-untyped-call]  # HiGHS has no types
        self.solver.setOptionValue("output_flag", False)  # noqa: FBT003 - HiGHS takes the value by place
        self.solver.setOptionValue("mip_rel_gap", 0.0)
        self.late: list[tuple[int, Any]] = []
        self.minor: list[tuple[int, Any]] = []
        self.shipments: list[Any] = []
        self.served: dict[str, list[tuple[int, Any]]] = {line.id: [] for line in instance.lines}
        for site in instance.sites:
            if site.location not in forbid:
                self._site(instance, site, forced=site.location == force)
        for line in instance.lines:
            self._add([(n, each) for n, each in self.served[line.id]], most=line.quantity)
        self._add([(1, each) for each in self.shipments], most=instance.max_shipments)

    def _binary(self) -> Any:
        return self.solver.addBinary()

    def _add(self, terms: list[tuple[int, Any]], *, least: float = -1e9, most: float = 1e9) -> None:
        if not terms:
            return
        whole = sum(n * each for n, each in terms)
        self.solver.addConstr(whole <= most)
        if least > -1e9:
            self.solver.addConstr(whole >= least)

    def _site(self, instance: Instance, site: Site, *, forced: bool) -> None:
        used = self._binary()
        self.shipments.append(used)
        levels = {line.id: self._levels(site, line) for line in instance.lines}
        units = [(n, each) for rows in levels.values() for n, each in rows]
        # Nothing empty is sent, and nothing is sent without a shipment.
        self._add([*units, (-1, used)], least=0 if not forced else -1e9)
        self._add([*units, (-min(site.cap_units, 10_000), used)], most=0)
        if forced:
            self._add([(1, used)], least=1)
        self._add([*units, (-1, used)] if units else [(-1, used)], least=0)
        self._groups(instance, levels)
        weight = [(n * line.weight_g, each) for line in instance.lines for n, each in levels[line.id] if n]
        ways: list[tuple[int, Any]] = []
        room: list[tuple[int, Any]] = []
        for option in site.options:
            bands = [self._binary() for _band in option.bands]
            ways += [(1, each) for each in bands]
            room += [(up_to, each) for (up_to, _minor), each in zip(option.bands, bands, strict=True)]
            self.minor += [
                (option.fixed_minor + minor, each)
                for (_up_to, minor), each in zip(option.bands, bands, strict=True)
            ]
            if option.late_days:
                late = self.solver.addVariable(lb=0)
                many = sum(line.quantity for line in instance.lines)
                # As many as are sent, if they are sent this way.
                self._add(
                    [(1, late), *((-n, each) for n, each in units), *((-many, b) for b in bands)], least=-many
                )
                self.late.append((option.late_days, late))
        self._add([*ways, (-1, used)] if ways else [(1, used)], least=0, most=0)
        self._add([*weight, *((-up_to, each) for up_to, each in room)], most=0)

    def _levels(self, site: Site, line: Any) -> list[tuple[int, Any]]:
        most = min(site.atp.get(line.id, 0), line.quantity)
        whole = not line.splittable or line.group
        allowed = [n for n in range(1, most + 1) if not whole or n == line.quantity]
        rows = [(n, self._binary()) for n in allowed]
        self._add([(1, each) for _n, each in rows], most=1)
        each_unit = site.pick_unit_minor + site.unit_minor.get(line.id, 0)
        worth = site.opportunity_minor.get(line.id, ())
        self.minor += [(site.pick_line_minor + n * each_unit + sum(worth[:n]), each) for n, each in rows]
        self.served[line.id] += rows
        return rows

    def _groups(self, instance: Instance, levels: dict[str, list[tuple[int, Any]]]) -> None:
        members = [line for line in instance.lines if line.group]
        for first, then in itertools.pairwise(members):
            one = [(1, each) for _n, each in levels[first.id]]
            other = [(-1, each) for _n, each in levels[then.id]]
            if one or other:
                self._add([*one, *other], least=0, most=0)

    def least(self, terms: list[tuple[int, Any]]) -> int | None:
        """Return the least value of a sum, None when the question has no plan."""
        if not terms:
            terms = [(0, self.solver.addVariable(lb=0, ub=0))]
        self.solver.minimize(sum(n * each for n, each in terms))
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return round(self.solver.getInfo().objective_function_value)


def optimum(instance: Instance, *, force: str = "", forbid: frozenset[str] = frozenset()) -> Objective | None:
    """Return the objective of the best plan, None when `force` cannot send anything."""
    model = _Model(instance, force, forbid)
    wanted = sum(line.quantity for line in instance.lines)
    served = [(-LATE_WEIGHT * n, each) for rows in model.served.values() for n, each in rows]
    behind = model.least([*served, *model.late])
    if behind is None:
        return None
    model._add([*served, *model.late], most=behind)
    money = [(SHIPMENT_WEIGHT * n, each) for n, each in model.minor]
    paid = model.least([*money, *((1, each) for each in model.shipments)])
    assert paid is not None
    unserved, late = divmod(behind + LATE_WEIGHT * wanted, LATE_WEIGHT)
    minor, shipments = divmod(paid, SHIPMENT_WEIGHT)
    return Objective(unserved, late, minor, shipments)
