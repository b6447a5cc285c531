"""Every environment variable, read once. The defaults are what an operator gets by saying nothing."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

_MS_PER_DAY = 24 * 3600 * 1000
_JWT_SECRET_BYTES_MIN = 32
_LOCK_TTL_MS_MAX = 600_000

#: The type of the error that says so; it has an exit code of its own.
FAULTS_NOT_LOCAL = "faults_not_local"

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
                FAULTS_NOT_LOCAL,
                "FAULTS=on lets every caller break this server's disk, and HOST={host} can be "
                "reached from other machines; use HOST=127.0.0.1, or leave FAULTS out",
                {"host": self.host},
            )
        if self.auth_mode == "jwt":
            if len(self.jwt_secret.encode()) < _JWT_SECRET_BYTES_MIN:
                raise ValueError(f"JWT_SECRET must have at least {_JWT_SECRET_BYTES_MIN} bytes")
            raise ValueError("AUTH_MODE=jwt is not available in this release; use AUTH_MODE=off")
        if not is_loopback(self.host):
            raise ValueError(
                f"HOST={self.host} can be reached from other machines, and AUTH_MODE=off asks "
                "nobody who they are; use HOST=127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
