"""Who a customer is to the people who serve them: kept outside the hashed events.

Events name a `contact_id`. The contact itself travels over HTTPS beside the wire, in both directions, by
version; a newer version replaces the older one. Erasing it breaks no chain, because no hash covers it.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
CONTACT_BYTES: Final = 8 * 1024
PHONE_DIGITS: Final = 4
"""Digits at the end of a phone number that serve as a second identifier."""


class Address(BaseModel):
    """Where a parcel goes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line1: Text = ""
    line2: Text = ""
    city: Text = ""
    postcode: Annotated[str, Field(max_length=16, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what stands on a label, without empty lines."""
        town = " ".join(part for part in (self.postcode, self.city) if part)
        return tuple(line for line in (self.line1, self.line2, town, self.country) if line)


class Contact(BaseModel):
    """One customer as an order needs them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    contact_id: Annotated[str, Field(min_length=1, max_length=64)]
    version: Annotated[int, Field(ge=1)] = 1
    first_name: Text = ""
    last_name: Text = ""
    email: Annotated[str, Field(max_length=120, pattern=r"^([^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+)?$")] = ""
    phone: Annotated[str, Field(max_length=32, pattern=r"^[0-9+() ./-]*$")] = ""
    address: Address = Address()
    collector: Text = ""
    """Who may collect instead."""
    gift_message: Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*$")] = ""
    language: Annotated[str, Field(pattern=r"^(en|de)$")] = "en"
    erased: bool = False

    @property
    def full_name(self) -> str:
        """Return the name as it is said."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)

    @property
    def label(self) -> str:
        """Return what may stand on the outside of a bag: surname and initial, nothing else."""
        initial = f" {self.first_name[0]}." if self.first_name and self.last_name else ""
        return (self.last_name or self.first_name) + initial


def phone_digits(phone: str) -> str:
    """Return the digits of a phone number, as it is compared."""
    return "".join(letter for letter in phone if letter.isdigit())


def phone_matches(contact: Contact, said: str) -> bool:
    """Tell whether the last four digits, or the whole number, are this customer's."""
    known, given = phone_digits(contact.phone), phone_digits(said)
    return len(given) >= PHONE_DIGITS and bool(known) and known.endswith(given)
