"""Every environment variable, read once. The defaults are what an operator gets by saying nothing."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_MS_PER_DAY = 24 * 3600 * 1000
_JWT_SECRET_BYTES_MIN = 32
_LOCK_TTL_MS_MAX = 600_000

#: The type of the errors that say that others could do harm; they have an exit code of their own.
NOT_PROTECTED = "not_protected"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def _listed(value: object) -> object:
    """Take a list apart that is written with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Positive = Annotated[int, Field(gt=0, le=2**31 - 1)]


class Settings(BaseSettings):
    """What an operator may set. Units stand last in a name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 3000
    data_dir: Path = Path("data")
    storage: Literal["file"] = "file"
    auth_mode: Literal["off", "jwt"] = "off"
    jwt_secret: str = Field(default="", repr=False)
    jwt_secret_previous: str = Field(default="", repr=False)
    jwt_ttl_s: Annotated[int, Field(gt=0, le=12 * 3600)] = 3600
    cors_origins: Texts = ()
    trusted_proxies: Texts = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_file: Path | None = None

    concurrency_api: Positive = 256
    load_shed_queue_max: Positive = 1000
    queue_wait_max_ms: Positive = 2000
    shutdown_ms: Positive = 25_000
    connections_max: Positive = 10_000
    rate_limit_rps: Annotated[int, Field(ge=0)] = 100
    rate_limit_burst: Positive = 200

    ws_origins: str = ""

    faults: Literal["off", "on"] = "off"

    breaker_cooldown_ms: Positive = 10_000

    flush_deadline_ms: Positive = 10_000
    disk_reserve_mb: Annotated[int, Field(ge=0, le=2**31 - 1)] = 64
    tenant_idle_s: Annotated[float, Field(gt=0, le=2**31 - 1)] = 300

    checkpoint_every_mb: Positive = 64
    checkpoint_every_s: Annotated[float, Field(gt=0, le=2**31 - 1)] = 30

    locks_enabled: bool = False
    lock_ttl_ms: Annotated[int, Field(gt=0, le=_LOCK_TTL_MS_MAX)] = 2000
    lock_renew_ms: Positive = 1000
    lock_wait_ms: Positive = 500
    lock_dir: Path | None = None
    lock_reject_status: Literal[409, 423, 429, 503] = 503
    lock_retry_after_ms: Positive = 300

    idemp_ttl_ms: Positive = 300_000
    reservation_ttl_ms: Annotated[int, Field(gt=0, le=_MS_PER_DAY)] = 300_000
    reservation_retention_days: Annotated[int, Field(gt=0, le=36_500)] = 30

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("lock_reject_status", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin; write them like https://shop.example.com"
                )
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy!r} is no address or network; write them like 10.0.0.7 or 10.0.0.0/24"
                ) from None
        return proxies

    @property
    def reservation_retention_ms(self) -> int:
        """How long an ended reservation stays readable, in ms."""
        return self.reservation_retention_days * _MS_PER_DAY

    @property
    def locks_folder(self) -> Path:
        """Where the leases are."""
        return self.data_dir / "locks" if self.lock_dir is None else self.lock_dir

    @model_validator(mode="after")
    def _renew_in_time(self) -> "Settings":
        """Refuse leases that run out before they are renewed."""
        if self.lock_renew_ms >= self.lock_ttl_ms:
            raise ValueError(
                f"LOCK_RENEW_MS={self.lock_renew_ms} must be less than "
                f"LOCK_TTL_MS={self.lock_ttl_ms}, best half of it"
            )
        return self

    @property
    def origins(self) -> frozenset[str]:
        """Origins of other hosts' pages that may listen to the live feed."""
        return frozenset(self.ws_origins.lower().replace(",", " ").split())

    @model_validator(mode="after")
    def _open_only_on_loopback(self) -> "Settings":
        """Refuse to serve strangers without asking who they are, or with a hand on the disk."""
        if self.faults == "on" and not is_loopback(self.host):
            raise PydanticCustomError(
                NOT_PROTECTED,
                "FAULTS=on lets every caller break this server's disk, and HOST={host} can be "
                "reached from other machines; use HOST=127.0.0.1, or leave FAULTS out",
                {"host": self.host},
            )
        if self.auth_mode == "jwt":
            self._demand_secrets()
        elif not is_loopback(self.host):
            raise PydanticCustomError(
                NOT_PROTECTED,
                "HOST={host} can be reached from other machines, and AUTH_MODE=off asks nobody "
                "who they are; set AUTH_MODE=jwt and a JWT_SECRET of at least {bytes} bytes, or "
                "use HOST=127.0.0.1",
                {"host": self.host, "bytes": _JWT_SECRET_BYTES_MIN},
            )
        return self

    def _demand_secrets(self) -> None:
        secrets = {"JWT_SECRET": self.jwt_secret}
        if self.jwt_secret_previous:
            secrets["JWT_SECRET_PREVIOUS"] = self.jwt_secret_previous
        for name, secret in secrets.items():
            if len(secret.encode()) < _JWT_SECRET_BYTES_MIN:
                raise PydanticCustomError(
                    NOT_PROTECTED,
                    "{name} must have at least {bytes} bytes that nobody can guess with "
                    "AUTH_MODE=jwt; openssl rand -base64 48 makes some",
                    {"name": name, "bytes": _JWT_SECRET_BYTES_MIN},
                )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
