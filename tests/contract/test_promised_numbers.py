"""Wherever a number of units that may be promised or sold is shown, its parts are shown with it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(
    path for side in ("hub", "edge_agent") for path in (ROOT / side).glob("**/templates/**/*.html")
)
FIGURE = re.compile(r"\b(?:promisable|sellable|free_here|left_here)\b(?! *(?:>|<|=|if\b|else\b))")
"""What may be promised (the hub), may be promised there, and may be sold (a store), as templates name it."""
PRINTED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
WORDS = re.compile(
    r"""_\("[^"]*\{\w+\} (?:[^"]*\b)?(?:may be promised|to promise|left here|(?:are )?free here)\b[^"]*\""""
    r"""|may sell \{n\}""",
)
"""Sentences that say such a number, whatever its name is where they stand."""
PARTS = "made_of("
BESIDE = {
    "hub/stock/templates/item.html": "a table of every location with each part, and its sum",
    "edge_agent/stock/templates/product.html": "the formula, part by part, in front of the number",
    "edge_agent/stock/templates/stock.html": "a column for each part, and the number at their end",
    "edge_agent/counter/templates/sell.html": "the button opens the dialog that begins with the parts",
}
"""Pages on which the parts stand open beside the number."""
OTHER = {
    "hub/service/templates/_draft.html": {"part.promisable | qty": "one of the parts itself"},
    "hub/stock/templates/stock.html": {
        "row.sellable | qty": "units in the bucket of that name",
        'ui.pill(row.sellable | qty, "act")': "units in the bucket of that name",
    },
}
"""What only sounds like such a number."""


def bare(text: str) -> list[str]:
    """Return what a template prints of such a number without its parts."""
    return [
        printed.strip()
        for printed in PRINTED.findall(text)
        if (FIGURE.search(printed) or WORDS.search(printed)) and PARTS not in printed
    ]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_number_that_may_be_promised_is_never_printed_without_its_parts(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    if name not in BESIDE:
        assert sorted(bare(path.read_text(encoding="utf-8"))) == sorted(OTHER.get(name, {}))


def test_every_page_whose_parts_stand_open_still_prints_the_number() -> None:
    assert [name for name in BESIDE if not bare((ROOT / name).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "printed",
    [
        "{{ free[row.sku].promisable | qty }}",
        '{{ _("{n} may be promised", n=item.units | qty) }}',
        '{{ _("{n} left here", n=product.left) }}',
        "{{ done.sellable }}",
    ],
)
def test_a_bare_number_is_found(printed: str) -> None:
    assert bare(f"<td>{printed}</td>") == [printed[2:-2].strip()]
