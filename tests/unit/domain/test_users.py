"""Users: made, changed, signed out; and who may touch whom."""

import pytest

from holdfast.domain.keys import keys
from holdfast.domain.records import USER
from holdfast.domain.tenants import DeleteTenant, ProvisionTenant, TrashTenant
from holdfast.domain.users import AddUser, ChangeUser, EndSessions, SetPassword, User
from tests.unit.domain.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """Two tenants, and ada, an admin of one of them."""
    desk = Desk()
    desk.do(ProvisionTenant("default", "Default", "localhost"))
    desk.do(ProvisionTenant("pizza", "Pizza", "pizza.localhost"))
    desk.do(AddUser("pizza", "ada", "hash", ("admin",)))
    return desk


def user(desk: Desk, name: str = "ada", tenant: str = "pizza") -> User:
    found = desk.get(USER, (tenant, name))
    assert found is not None
    return found


def test_a_name_is_taken_in_its_tenant_only(desk: Desk) -> None:
    assert desk.refused(AddUser("pizza", "ada", None, ())).code == "already_exists"
    desk.do(AddUser("default", "ada", None, ()))
    assert user(desk, tenant="default").password_hash is None


def test_nobody_is_called_like_those_who_are_no_users(desk: Desk) -> None:
    for name in ("anonymous", "system"):
        assert desk.refused(AddUser("pizza", name, None, ())).code == "validation_error"


def test_a_user_needs_a_tenant_that_exists(desk: Desk) -> None:
    assert desk.refused(AddUser("pasta", "ada", None, ())).code == "not_found"
    desk.do(DeleteTenant("pizza"))
    assert desk.refused(AddUser("pizza", "eve", None, ())).code == "not_found"


@pytest.mark.parametrize(
    "action",
    [
        SetPassword("pizza", "ada", "other"),
        EndSessions("pizza", "ada"),
        ChangeUser("pizza", "ada", {"roles": ("foh",)}),
        ChangeUser("pizza", "ada", {"status": "disabled"}),
    ],
)
def test_every_change_ends_the_tokens_even_within_one_millisecond(
    desk: Desk, action: SetPassword | EndSessions | ChangeUser
) -> None:
    before = user(desk)
    desk.do(action)
    assert user(desk).tokens_from > before.tokens_from
    assert user(desk).version == 2


def test_a_change_to_what_is_already_so_changes_nothing(desk: Desk) -> None:
    before = user(desk)
    desk.do(ChangeUser("pizza", "ada", {"roles": ("admin",)}))
    assert user(desk) == before


def test_a_password_is_set_only_over_the_one_that_was_seen(desk: Desk) -> None:
    desk.do(SetPassword("pizza", "ada", "first", 1))
    assert desk.refused(SetPassword("pizza", "ada", "second", 1)).code == "version_conflict"
    assert user(desk).password_hash == "first"


def test_only_an_operator_makes_or_touches_an_operator(desk: Desk) -> None:
    desk.do(AddUser("default", "bob", "hash", ("admin",)))
    raise_bob = ChangeUser("default", "bob", {"roles": ("operator",)})
    assert desk.refused(raise_bob).code == "forbidden"
    desk.do(raise_bob._replace(by_operator=True))
    assert desk.refused(ChangeUser("default", "bob", {"roles": ()})).code == "forbidden"


def test_an_operator_belongs_to_the_default_tenant(desk: Desk) -> None:
    refused = desk.refused(AddUser("pizza", "eve", None, ("operator",)))
    assert refused.data["errors"][0]["pointer"] == "/roles"
    up = ChangeUser("pizza", "ada", {"roles": ("operator",)}, by_operator=True)
    assert desk.refused(up).code == "validation_error"


def test_the_users_of_a_tenant_go_with_its_folder_and_no_others(desk: Desk) -> None:
    desk.do(AddUser("default", "ada", None, ()))
    desk.do(DeleteTenant("pizza"))
    desk.do(TrashTenant("pizza"))
    assert desk.get(USER, ("pizza", "ada")) is None
    assert desk.get(USER, ("default", "ada")) is not None


def test_who_is_not_there_cannot_be_changed(desk: Desk) -> None:
    for action in (EndSessions("pizza", "eve"), SetPassword("pizza", "eve", "x")):
        assert desk.refused(action).code == "not_found"


def test_a_command_on_a_user_touches_it_and_its_tenant(desk: Desk) -> None:
    touched = keys(desk, desk.command(EndSessions("pizza", "ada")))
    assert touched == (("tenants", "pizza"), ("users", "pizza", "ada"))
