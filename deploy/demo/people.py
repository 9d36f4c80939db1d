"""The people of the demo. Their PINs are shown on the terminal, and work on this machine only."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Demonstrator:
    """Somebody who works in a demo store."""

    person_id: str
    name: str
    role: str
    pin: str


ASSOCIATE: Final = Demonstrator("a-osei", "A. Osei", "associate", "2580")
SECOND_ASSOCIATE: Final = Demonstrator("j-lindqvist", "J. Lindqvist", "associate", "1470")
LEAD: Final = Demonstrator("s-rowe", "S. Rowe", "lead", "3690")
MANAGER: Final = Demonstrator("m-khan", "M. Khan", "manager", "7412")
PEOPLE: Final = (ASSOCIATE, SECOND_ASSOCIATE, LEAD, MANAGER)
HUB_PERSON: Final = "admin"
HUB_PEOPLE: Final = (HUB_PERSON, "ops", "finance")
"""One for each role at the hub, all with the password that the terminal shows."""
