"""Which slip follows which step of a transfer, queued in the step's own transaction."""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip
from edge_agent.transfers.rows.transfers import Transfer


def print_carton(unit: EdgeUnit, edge: Edge, found: Transfer, sscc: str) -> str:
    """Queue the label of a carton."""
    facts = {"transfer_id": found.transfer_id, "sscc": sscc}
    return queue_slip(unit, edge, Slip.CARTON_LABEL, found.number, sscc, facts)


def print_manifest(unit: EdgeUnit, edge: Edge, found: Transfer, seq: int) -> str:
    """Queue the list that travels with the cartons."""
    return queue_slip(unit, edge, Slip.TRANSFER_MANIFEST, found.number, found.number, {"seq": seq})
