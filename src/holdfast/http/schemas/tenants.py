"""Tenants, as the operator sends them and as clients see them."""

import re
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AfterValidator, Field

from holdfast.http.schemas.base import (
    PRINTABLE,
    Count,
    Id,
    Input,
    JsonObject,
    Output,
    Time,
    Version,
)

THEME_BYTES_MAX: Final = 16 << 10

_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: The last label begins with a letter, so that no domain is an IP address.
_DOMAIN: Final = rf"({_LABEL}\.)*[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.?"
_CURRENCY: Final = r"[A-Z]{3}"


def _domain(text: str) -> str:
    if not re.fullmatch(_DOMAIN, text):
        raise ValueError(
            "A domain must be a name like pizza.example.com, without port, and no IP address."
        )
    return text.lower().removesuffix(".")


def _currency(text: str) -> str:
    if not re.fullmatch(_CURRENCY, text):
        raise ValueError("A currency must be three capital letters, such as EUR (ISO 4217).")
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("A name must consist of printable characters.")
    return text


def _small(theme: dict[str, Any]) -> dict[str, Any]:
    if len(orjson.dumps(theme)) > THEME_BYTES_MAX:
        raise ValueError(f"A theme may have at most {THEME_BYTES_MAX} bytes as JSON.")
    return theme


Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        examples=["Pizzeria Roma"],
        json_schema_extra={"format": PRINTABLE},
    ),
    AfterValidator(_printable),
]
DomainName = Annotated[
    str,
    Field(
        max_length=253,
        examples=["pizza.localhost"],
        description="The `Host` that means this tenant; case and a last dot do not matter.",
        json_schema_extra={"pattern": f"^{_DOMAIN}$"},
    ),
    AfterValidator(_domain),
]
Currency = Annotated[
    str,
    Field(
        examples=["EUR"],
        description="What prices are in (ISO 4217).",
        json_schema_extra={"pattern": f"^{_CURRENCY}$"},
    ),
    AfterValidator(_currency),
]
Theme = Annotated[
    dict[str, Any],
    Field(
        examples=[{"primary": "#b22222"}],
        description="What pages look like: any JSON object of at most 16 KiB.",
    ),
    AfterValidator(_small),
]


class ProvisionBody(Input):
    """A tenant to be."""

    name: Name
    domain: DomainName
    theme: Theme | None = None
    currency: Currency | None = None
    tenant_id: Id | None = Field(
        None, description="Else one is made of the domain or the name.", examples=["pizza"]
    )


class ChangeTenantBody(Input):
    """What is to be changed of a tenant; what is missing stays."""

    name: Name | None = None
    domain: DomainName | None = None
    theme: Theme | None = Field(None, description="Replaces the whole theme; null clears it.")
    currency: Currency | None = None
    default_store_id: Id | None = Field(
        None, description="The store that is meant where none is named; null: none in particular."
    )
    status: Literal["active", "suspended"] | None = Field(
        None, description="While a tenant is suspended, its routes answer 403."
    )
    expected_version: Version | None = Field(None, description="Write only at this version.")


class Tenant(Output):
    """A tenant."""

    tenant_id: str
    name: str
    domain: str
    status: Literal["active", "suspended"]
    theme: JsonObject
    currency: str
    default_store_id: str | None
    created_at: Time
    updated_at: Time
    version: Count


class TenantPage(Output):
    """A page of tenants, by id."""

    items: list[Tenant]
    next_cursor: str | None


class DeletedTenant(Output):
    """What is left of a tenant."""

    tenant_id: str
    status: Literal["deleted"]
    trash: str = Field(description="Its folder, seen from the folder of all data.")


class StoreConfig(Output):
    """What a storefront has to know before it shows anything."""

    tenant_id: str
    tenant_id_again: str = Field(alias="tenant_id", description="The same; older pages read it.")
    name: str
    theme: JsonObject
    currency: str
