"""What cards do to the books that stores took while their terminals had no line: pure.

Such a card is posted with its sale as taken, because the goods are gone. Declined late it was never money:
the customer owes it instead, until they pay it to the bank or somebody gives it up.
"""

from hub.ledger.rules import Draft, Line


def declined_late(minor: int, memo: str) -> tuple[Draft, ...]:
    """A card does not pay after all: its amount is owed by the customer."""
    return (Draft("card_declined", (Line("receivable", minor), Line("tender.card", -minor)), memo),)


def undeclined(minor: int, memo: str) -> tuple[Draft, ...]:
    """The sale of a declined card is voided, which gives back what the card had never paid."""
    return (Draft("card_voided", (Line("tender.card", minor), Line("receivable", -minor)), memo),)


def made_good(how: str, minor: int, memo: str) -> tuple[Draft, ...]:
    """What a customer owed for a declined card arrived at the bank, or is given up."""
    debit = "bank" if how == "paid_again" else "declined_cards"
    return (Draft(f"card_{how}", (Line(debit, minor), Line("receivable", -minor)), memo),)
