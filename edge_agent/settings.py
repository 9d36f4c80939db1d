"""What one store is told before it starts: a TOML file, with the environment above it.

A name that nobody knows is refused rather than ignored, so a typing mistake cannot quietly leave a store on
a default. Secrets are never values here: a setting names the file that holds one.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind
from protocol.ids import is_edge_name
from protocol.money import CURRENCY_EXPONENTS
from protocol.people import StoreRole
from protocol.rules.discounts import Authority, Limit
from protocol.rules.store_codes import REGIONS, Layout, layout_of
from protocol.sscc import default_block

Line = Annotated[str, Field(max_length=80)]
TillName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
PERCENT_PPM: Final = 10_000


class Limits(BaseModel):
    """How far a role may go alone; above it somebody with more must agree in place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    associate_discount_percent: int = Field(default=10, ge=0, le=100)
    lead_discount_percent: int = Field(default=25, ge=0, le=100)
    associate_return_minor: int = Field(default=100_00, ge=0, le=10**12)
    till_tolerance_minor: int = Field(default=5_00, ge=0, le=10**9)
    """How much a counted drawer may differ before a manager must confirm its close."""

    def authority(self, currency: str) -> Authority:
        """Return the table that `protocol.rules.discounts` judges by."""
        discounts = (
            Limit(StoreRole.ASSOCIATE, self.associate_discount_percent * PERCENT_PPM),
            Limit(StoreRole.LEAD, self.lead_discount_percent * PERCENT_PPM),
            Limit(StoreRole.MANAGER),
        )
        returns = (Limit(StoreRole.ASSOCIATE, self.associate_return_minor), Limit(StoreRole.LEAD))
        return Authority(
            line_discount=discounts, order_discount=discounts, returns=returns, currency=currency
        )


class ShippingService(BaseModel):
    """A way to ship that this store sells, and what the customer pays for it, tax inside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,23}$")
    minor: int = Field(ge=0, le=10**9)
    days: int = Field(default=1, ge=0, le=60)
    """Given to the carrier at the close of so many days after the order."""
    rate_ppm: int = Field(default=200_000, ge=0, le=1_000_000)


class Fulfil(BaseModel):
    """What of an order for later this store does, and how much time it gives itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capabilities: tuple[FulfilKind, ...] = (FulfilKind.COLLECT, FulfilKind.SHIP)
    """What the hub may ask of this store; an offer of anything else is given back at once."""
    auto_accept: bool = True
    """Take offers on by themselves; otherwise somebody has to, and the hub sees how long it takes."""
    print_pick_lists: Literal["on_arrival", "on_start", "never"] = "on_arrival"
    undo_minutes: int = Field(default=10, ge=0, le=120)
    """How long a handover can be taken back; later it is a return."""
    code_tries: int = Field(default=5, ge=1, le=20)
    """Wrong tries of a pickup code before it is locked for five minutes, or a lead decides."""
    soon_minutes: int = Field(default=20, ge=0, le=24 * 60)
    """A promise that is due within this time is shown as pressing."""
    own_carrier: str = Field(default="house", pattern=r"^[a-z0-9-]{1,32}$")
    """The carrier whose labels this store prints and whose tracking numbers it makes."""


class Cartons(BaseModel):
    """How the cartons of this store are numbered (SSCC): by the company's prefix and a block of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    company_prefix: str = Field(default="9501101", pattern=r"^[0-9]{4,10}$")
    """The GS1 company prefix; the default is the one that GS1 keeps for examples."""
    block: str = Field(default="", pattern=r"^([0-9]{1,8})?$")
    """Digits that no other location of the company has; empty makes four of the edge's name."""

    def stem(self, edge: str) -> str:
        """Return prefix and block, in front of the serial."""
        return self.company_prefix + (self.block or default_block(edge))


class StoreCodes(BaseModel):
    """How codes are read that a scale or a packer prints with a weight, price or count in them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: Literal["", "gb", "de", "dk", "se", "no", "fi", "ee", "lv", "lt", "us"] = ""
    """Whose rules of GS1 count; empty reads such a code like any other."""
    layouts: tuple[Line, ...] = Field(default=(), max_length=20)
    """The company's own, such as `20IIIIICPP.PP`; for a prefix they go before the region's."""

    @field_validator("layouts")
    @classmethod
    def _drawn_right(cls, layouts: tuple[str, ...]) -> tuple[str, ...]:
        for each in layouts:
            layout_of(each)
        return layouts

    @property
    def read(self) -> tuple[Layout, ...]:
        """Return the layouts in the order in which they count."""
        return tuple(layout_of(each) for each in (*self.layouts, *REGIONS.get(self.region, ())))


class EdgeSettings(BaseSettings):
    """Everything an edge can be told."""

    model_config = SettingsConfigDict(
        env_prefix="ORDERSPINE_EDGE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    edge: str = "store-1"
    code: str = Field(default="LB", pattern=r"^[A-Z]{2,4}$")
    """Capitals at the front of every printed number; one for each location."""
    ordinal: int = Field(default=1, ge=1, le=999)
    """Part of every printed number; a replaced store PC begins with a higher one."""
    store_name: str = Field(default="Store 1", min_length=1, max_length=60)
    address: tuple[Line, ...] = Field(default=(), max_length=6)
    vat_number: str = Field(default="", max_length=20)
    currency: str = "GBP"
    zone: str = "Europe/London"
    cutover: str = Field(default="04:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """Until this time of the night a sale still belongs to the day before."""
    language: str = Field(default="en", pattern=r"^(en|de)$")
    data_dir: Path = Path("data/edge")
    host: str = "127.0.0.1"
    port: int = Field(default=8101, ge=0, le=65535)
    hub_url: str = ""
    hub_token_file: Path | None = None
    broker_host: str = ""
    broker_port: int = Field(default=1883, ge=1, le=65535)
    mqtt_password_file: Path | None = None
    mqtt_version: Literal["5", "3.1.1"] = "5"
    broker_ca_file: Path | None = None
    """Certificates to trust at the broker; with it the line is TLS."""
    lend_share_ppm: int = Field(default=0, ge=0, le=1_000_000)
    """Share of each SKU's free stock that the hub may promise; 0 lends nothing."""
    lend_cap: int = Field(default=3, ge=0, le=1_000)
    tills: tuple[TillName, ...] = Field(default=("till-1",), min_length=1, max_length=60)
    handhelds: tuple[TillName, ...] = Field(default=(), max_length=200)
    """Devices without a drawer: a basket built on one is parked and paid at a till."""
    cash_step_minor: int = Field(default=1, ge=1, le=100_000)
    """Cash is rounded to multiples of this; the difference is shown and booked."""
    paper_url: str = Field(default="", pattern=r"^(https?://[^\s\"'<>]{1,200})?$")
    """Where the paper of a printer made of software can be watched; the page of the printers leads there."""
    demo: bool = False
    tour_url: str = Field(default="", max_length=200, pattern=r"^(http://.*)?$")
    """Where a demo's supervisor says which steps of its tour have happened."""
    replay_clock: bool = False
    """Let requests set the time (`X-Replay-At`): for the replay of a past month, never in a store."""
    marker_file: Path | None = None
    """Where the newest number is noted outside the database; a restored copy is recognised by it."""
    stored_value_offline_minor: int = Field(default=50_00, ge=0, le=10**9)
    """So much of each gift card or store credit is taken without the hub's word, in minor units."""
    sell_beyond_stock: bool = True
    """Sell what the customer holds even if the books say there is none; otherwise a lead must agree."""
    deposit_percent_min: int = Field(default=0, ge=0, le=100)
    """The least share of an order for later that is paid when it is taken."""
    collect_keep_days: int = Field(default=7, ge=1, le=365)
    """How long goods wait for the customer who collects them; nothing paid is given up by the clock."""
    collect_ready_minutes: int = Field(default=60, ge=5, le=24 * 60)
    """How soon what stands on the own shelf is promised to be ready."""
    closes: str = Field(default="18:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """When the store closes: what is promised for a day is ready by then."""
    shipping: tuple[ShippingService, ...] = Field(
        default=(ShippingService(name="standard", minor=395),), max_length=12
    )
    """The services that are offered at the counter."""
    fulfil: Fulfil = Fulfil()
    cartons: Cartons = Cartons()
    store_codes: StoreCodes = StoreCodes()
    session_secret_file: Path | None = None
    allowed_hosts: tuple[str, ...] | None = None
    limits: Limits = Limits()

    @field_validator("edge")
    @classmethod
    def _edge_is_a_name(cls, name: str) -> str:
        if not is_edge_name(name):
            raise ValueError("3 to 40 of a-z, 0-9 and '-', not beginning with 'hub'")
        return name

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

    @property
    def stations(self) -> tuple[str, ...]:
        """Where a person may stand: the tills, then the handhelds."""
        return (*self.tills, *self.handhelds)

    @property
    def database_file(self) -> Path:
        """The one file in which this store keeps everything."""
        return self.data_dir / "edge.db"

    @property
    def secret_file(self) -> Path:
        """Where the key that signs sessions is kept."""
        return self.session_secret_file or self.data_dir / "session.secret"

    @property
    def receipt_key_file(self) -> Path:
        """Where the seed of the key that signs receipts is kept."""
        return self.data_dir / "receipt.key"

    @property
    def marker(self) -> Path:
        """Where the newest number is noted outside of the data folder."""
        return self.marker_file or user_state_path("orderspine") / f"{self.edge}.marker"

    @property
    def authority(self) -> Authority:
        """Who may decide what alone."""
        return self.limits.authority(self.currency)


def load_settings(config: Path | None = None, **said: Any) -> EdgeSettings:
    """Read the settings: what is said here, then the environment, then the file, then the defaults.

    Raises:
        Invalid: the file is missing or a setting cannot be used; says which and why.
    """
    if config is not None and not config.is_file():
        raise Invalid(
            f"There is no settings file {config}.",
            "Write one with `orderspine config edge`, or give another path to --config.",
            code="no_settings",
        )

    class FromFile(EdgeSettings):
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
            f"Correct it in {config or 'the environment (ORDERSPINE_EDGE_…)'} and start again.",
            code="bad_settings",
            setting=name,
        ) from error
    except ValueError as error:
        raise Invalid(
            f"The settings file {config} is not TOML: {error}.",
            "Correct it and start again.",
            code="bad_settings",
        ) from error
