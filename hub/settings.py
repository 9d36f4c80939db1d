"""What the hub is told before it starts: a TOML file, with the environment above it.

A name that nobody knows is refused rather than ignored, so a typing mistake cannot quietly leave the hub on
a default. Secrets are never values here: a setting names the file that holds one. The one exception is a
password inside `database_url`, which belongs into the environment.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from protocol.clock import MICROSECONDS
from protocol.errors import Invalid
from protocol.money import CURRENCY_EXPONENTS

FIRST: Final = "hub-1"
"""The process of a hub that has no other."""


class HubSettings(BaseSettings):
    """Everything the hub can be told."""

    model_config = SettingsConfigDict(env_prefix="ORDERSPINE_HUB_", extra="forbid", frozen=True)

    name: str = Field(default="Orderspine", min_length=1, max_length=60)
    worker: str = Field(default=FIRST, pattern=r"^hub-\d{1,4}$")
    """This process; each process of one hub has its own."""
    entity: str = Field(default="main", pattern=r"^[a-z0-9-]{1,40}$")
    """The legal entity of a location that names none."""
    currency: str = "GBP"
    zone: str = "Europe/London"
    language: str = Field(default="en", pattern=r"^(en|de)$")
    data_dir: Path = Path("data/hub")
    database_url: str = ""
    """Empty for SQLite in `data_dir`; `postgresql+psycopg://…` when it grows."""
    marker_file: Path | None = None
    """Where the newest number is noted outside of the data; a restored copy is recognised by it."""
    host: str = "127.0.0.1"
    port: int = Field(default=8100, ge=0, le=65535)
    broker_host: str = ""
    """Empty: no wire, only the web side."""
    broker_port: int = Field(default=1883, ge=1, le=65535)
    mqtt_password_file: Path | None = None
    mqtt_version: Literal["5", "3.1.1"] = "5"
    broker_ca_file: Path | None = None
    """Certificates to trust at the broker; with it the line is TLS."""
    demo: bool = False
    tour_url: str = Field(default="", max_length=200, pattern=r"^(http://.*)?$")
    """Where a demo says how far its tour is; empty for none."""
    replay_clock: bool = False
    """Events carry the times of a past month, so clock skew of an edge says nothing."""
    session_secret_file: Path | None = None
    allowed_hosts: tuple[str, ...] | None = None
    till_tolerance_minor: int = Field(default=5_00, ge=0, le=10**9)
    """A counted drawer may differ by this much before somebody at the hub must look."""
    markup_ppm: int = Field(default=0, ge=0, le=1_000_000)
    """What one entity adds to the cost of goods that it sells to another; 0: at cost."""
    second_person_minor: int = Field(default=250_00, ge=0, le=10**9)
    """A choice on the desk that moves more money than this is confirmed by a second person."""
    safety_stock: int = Field(default=0, ge=0, le=10**6)
    """Lent units of an item at one location that are never promised."""
    company_threshold: int = Field(default=0, ge=0, le=10**6)
    """Lent units of an item over all locations that are never promised."""
    ship_minor: dict[str, Annotated[int, Field(ge=0, le=10**6)]] = {"standard": 4_00, "express": 9_00}
    """What a parcel costs by the carrier's service; a service that is not here is not offered."""
    pick_line_minor: int = Field(default=60, ge=0, le=10**6)
    """What it costs a store to walk for one line of an order."""
    pick_unit_minor: int = Field(default=15, ge=0, le=10**6)
    warehouse_pick_line_minor: int = Field(default=25, ge=0, le=10**6)
    warehouse_pick_unit_minor: int = Field(default=8, ge=0, le=10**6)
    ready_minutes: int = Field(default=30, ge=0, le=10_000)
    """What a location needs from hearing of an order until it is ready."""
    collect_keep_days: int = Field(default=7, ge=1, le=365)
    """How long goods wait to be collected after they were promised; unpaid ones are cancelled then."""
    transit_days: int = Field(default=3, ge=1, le=365)
    """A transfer that is on its way for longer needs somebody to look, unless it was given another day."""

    smtp_host: str = Field(default="", max_length=200, pattern=r"^[^\s\x00-\x1f]*$")
    """Empty: notices to customers are kept and shown, and none is sent."""
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str = Field(default="", max_length=120)
    smtp_password_file: Path | None = None
    mail_from: str = Field(
        default="", validate_default=True, max_length=120, pattern=r"^([!-?A-~]+@[!-?A-~]+)?$"
    )
    """The address that customers see; needed with smtp_host."""
    public_url: str = Field(default="", max_length=200, pattern=r"^(https?://[^\s/?#\x00-\x1f]+)?$")
    """Where customers reach this hub, such as https://orders.shop.example; with it a mail that a customer may
    refuse says how, and mail programs offer it."""

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("not a time zone such as Europe/London") from error
        return name

    @field_validator("currency")
    @classmethod
    def _currency_exists(cls, code: str) -> str:
        if code not in CURRENCY_EXPONENTS:
            raise ValueError("not a currency such as GBP")
        return code

    @field_validator("mail_from")
    @classmethod
    def _mail_has_a_sender(cls, address: str, info: ValidationInfo) -> str:
        if info.data.get("smtp_host") and not address:
            raise ValueError("smtp_host is set, so mail needs an address that it comes from")
        return address

    @property
    def collect_keep_us(self) -> int:
        """Return how long goods wait to be collected, in microseconds."""
        return self.collect_keep_days * 24 * 3600 * MICROSECONDS

    @property
    def url(self) -> str:
        """Return where the database is."""
        return self.database_url or f"sqlite:///{self.data_dir / 'hub.db'}"

    @property
    def broker_user(self) -> str:
        """Return as whom this process comes in at the broker, which lets one of each name in at a time."""
        return "hub" if self.worker == FIRST else self.worker

    @property
    def marker(self) -> Path:
        """Where the newest number is noted: beside the data folder, one file for each database."""
        kept = hashlib.sha256(self.url.encode()).hexdigest()[:8]
        return self.marker_file or self.data_dir.parent / f".{self.data_dir.name}-{kept}.marker"

    @property
    def secret_file(self) -> Path:
        """Where the key that signs sessions is kept."""
        return self.session_secret_file or self.data_dir / "session.secret"

    @property
    def catalog_dir(self) -> Path:
        """Where the published catalogue files lie."""
        return self.data_dir / "catalog"


def load_settings(config: Path | None = None, **said: Any) -> HubSettings:
    """Read the settings: what is said here, then the environment, then the file, then the defaults.

    Raises:
        Invalid: the file is missing or a setting cannot be used; says which and why.
    """
    if config is not None and not config.is_file():
        raise Invalid(
            f"There is no settings file {config}.",
            "Write one with `orderspine config hub`, or give another path to --config.",
            code="no_settings",
        )

    class FromFile(HubSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = (TomlConfigSettingsSource(settings_cls, config),) if config else ()
            return init_settings, env_settings, *file

    try:
        return FromFile(**said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise Invalid(
            f"The setting {name} cannot be used: {first['msg']}.",
            f"Correct it in {config or 'the environment (ORDERSPINE_HUB_…)'} and start again.",
            code="bad_settings",
            setting=name,
        ) from error
    except ValueError as error:
        raise Invalid(
            f"The settings file {config} is not TOML: {error}.",
            "Correct it and start again.",
            code="bad_settings",
        ) from error
