"""The words of restores, replaced computers and clones, chained behind those of the record."""

from typing import Final

from protocol.kit.text import _

GRAVE: Final = frozenset({"edge_duplicate", "edge_forked", "hub_restored"})


def exception_word(kind: str) -> str:
    """Return what kind of thing about a lost past needs a person."""
    words = {
        "edge_replaced": _("Store computer replaced"),
        "edge_restored": _("Store restored"),
        "edge_rolled_back": _("Store runs on an older copy"),
        "edge_duplicate": _("Two computers, one name"),
        "edge_forked": _("Two histories"),
        "hub_restored": _("Hub restored"),
        "assignment_open_at_store": _("Store holds an assignment"),
        "store_restored": _("Store restored"),
        "check_the_shelf": _("Check the shelf"),
        "disk_low": _("Disk nearly full"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what happened, what was kept, and what to do."""
    words = {
        "edge_replaced": _(
            "A store goes on with an empty database. It gets its own records back from the hub, and the web "
            "promises nothing from it until both agree on what is open. Start the old disk once, so that it "
            "hands over what it had not sent."
        ),
        "edge_restored": _(
            "A store goes on from an older copy of its database, under a new name: no number repeats. "
            "It gets its own records back. What it had not sent before is lost with the old disk: have what "
            "was touched counted."
        ),
        "edge_rolled_back": _("A store found its database to be an older copy, and repairs that by itself."),
        "edge_duplicate": _(
            "A second computer calls under the name of a store, as a copy of its disk does. The first goes "
            "on, the second was turned away and keeps its events. Decide on the store's page which it is."
        ),
        "edge_forked": _(
            "A store's database has another history than the hub under the same numbers. Nothing of it was "
            "taken and nothing is lost. Decide on the store's page whether this computer is the store."
        ),
        "hub_restored": _(
            "The hub goes on from an older copy. The stores tell it again what happened since. What only the "
            "hub knew since then is lost: compare the orders of the channels and the refunds with theirs. "
            "Nothing is promised from a location until it has said what is open."
        ),
        "assignment_open_at_store": _(
            "A store holds goods for an assignment that the hub had ended or has lost. They stay set aside. "
            "Cancel it there, or let it be handed over."
        ),
        "store_restored": _("A store was restored and has its records back. It looks at its shelves now."),
        "disk_low": _(
            "The disk of a store is nearly full. The room it kept back lets it sell on for some days. Remove "
            "old backups and files there, or give it a larger disk; this closes itself when there is room."
        ),
        "check_the_shelf": _("A store looks whether the goods of an open order still stand on their shelf."),
    }
    return words.get(kind, "")


def fact_word(name: str) -> str:
    """Return the name of a fact of such an exception."""
    words = {
        "before": _("Stream before"),
        "now": _("Stream now"),
        "machine": _("Computer"),
        "boot": _("Start"),
        "last_seq": _("Its newest event"),
        "hub_inc": _("Life of the hub"),
        "number_series": _("Series of numbers"),
        "assignment": _("Assignment"),
        "brought_back": _("Records brought back"),
        "not_applied": _("Records that no longer fit"),
        "carried_over": _("Records sent again"),
        "sold_meanwhile": _("Sales meanwhile"),
        "received_twice": _("Deliveries that may be received twice"),
        "receipts": _("Receipts of goods"),
        "numbers_twice": _("Numbers that were printed twice"),
        "tills_left_open": _("Tills with an old day to count and close"),
        "slips_in_doubt": _("Slips in doubt"),
        "folder": _("Folder"),
        "reserve_given_up": _("Kept room given up"),
    }
    return words.get(name, "")
