"""Users and their tokens, as clients send and see them."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from holdfast.http.schemas.base import Id, Input, Output, Time, Version
from holdfast.http.schemas.outputs import Page

Role = Literal["online", "foh", "kitchen", "staff", "manager", "admin", "operator", "service"]


def _utf8(text: str) -> str:
    """Refuse what no bytes can say: a lone surrogate, which JSON can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("A password must be text.") from None
    return text


Password = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        examples=["correct horse battery"],
        json_schema_extra={"format": "password", "writeOnly": True},
    ),
    AfterValidator(_utf8),
]
NewPassword = Annotated[
    str,
    Field(
        min_length=8,
        max_length=256,
        examples=["correct horse battery"],
        json_schema_extra={"format": "password", "writeOnly": True},
    ),
    AfterValidator(_utf8),
]


#: Left out of what is written down of a request: a fingerprint of a password is half a password.
_SECRET: Final[Any] = Field(exclude=True)


class RegisterBody(Input):
    """Somebody new."""

    username: Id
    password: NewPassword = _SECRET


class LoginBody(Input):
    """Somebody who is known."""

    username: Annotated[str, Field(min_length=1, max_length=128, examples=["ada"])]
    password: Password = _SECRET


class PasswordBody(Input):
    """Another password, and the one so far."""

    current_password: Password = _SECRET
    new_password: NewPassword = _SECRET


class ChangeUserBody(Input):
    """What is to be changed of a user; what is missing stays."""

    roles: Annotated[list[Role], Field(max_length=8)] | None = None
    status: Literal["active", "disabled"] | None = None
    password: NewPassword | None = Field(None, exclude=True)
    expected_version: Version | None = Field(None, description="Write only at this version.")


class User(Output):
    """A user; what it is called is its id."""

    username: str
    tenant_id: str
    roles: list[Role]
    status: Literal["active", "disabled"]
    created_at: Time
    updated_at: Time
    version: Version


class UserPage(Page):
    items: list[User]


class Token(Output):
    """A token, to be sent as `Authorization: Bearer …`."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds.")
    roles: list[Role]


class Me(User):
    """Who asks."""

    expires_at: Time = Field(description="When the token ends.")
