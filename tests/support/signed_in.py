"""A service that asks who calls: two tenants, a user for every role, and their tokens."""

from pathlib import Path
from typing import Any, Final

import httpx2

from holdfast.accounts import Tokens
from holdfast.domain.commands import Action, Command
from holdfast.domain.records import USER
from holdfast.domain.users import OPERATOR, ROLES, AddUser, User
from holdfast.http.services import HttpConfig
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.port import Ledger
from tests.support.many_tenants import ManyTenants
from tests.unit.http.world import UNLIMITED

SECRET: Final = "a secret of more than thirty-two bytes"
PASSWORD: Final = "correct horse battery"
OWN, OTHER = "pizza", "pasta"


class SignedIn(ManyTenants):
    """Users are called like their role; operators belong to the default tenant."""

    def __init__(
        self, folder: Path, http: HttpConfig = UNLIMITED, tokens: Tokens | None = None
    ) -> None:
        super().__init__(folder, http=http, tokens=tokens or Tokens(SECRET), faults=FaultyDisk())

    async def fill(self) -> None:
        """Make the tenants and the users; one that has a password is `ada`, online in `pizza`."""
        await self.add("default", OPERATOR, OPERATOR)
        for tenant in (OWN, OTHER):
            made = await self.send(
                "POST",
                "/sys/provision",
                OPERATOR,
                json={"name": tenant, "domain": f"{tenant}.example", "tenantId": tenant},
            )
            assert made.status_code == 201, made.text
            for role in ROLES:
                if role != OPERATOR:
                    await self.add(tenant, role, role)
        assert self.accounts is not None
        password_hash = self.accounts.passwords.hash_now(PASSWORD)
        await self.do(AddUser(OWN, "ada", password_hash, ("online",)))

    async def do(self, action: Action) -> None:
        """Decide something in the system journal, past the interface."""
        await self.registry.system.execute(Command(action, f"e{id(action)}", "test", "test"))

    async def add(self, tenant: str, name: str, *roles: str) -> None:
        await self.do(AddUser(tenant, name, None, roles))

    async def user(self, name: str, tenant: str = OWN) -> User:
        tenant = "default" if name == OPERATOR else tenant
        found = (await self.registry.system.read()).get(USER, (tenant, name))
        assert found is not None, name
        return found

    async def token(self, name: str, tenant: str = OWN) -> str:
        """A token of that user, as good as one that it signed in for."""
        assert self.accounts is not None
        return self.accounts.long_token_for(await self.user(name, tenant), 3600)

    async def send(
        self,
        method: str,
        path: str,
        name: str | None = None,
        *,
        tenant: str = OWN,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """Ask as that user; None asks without a token, of the tenant `pizza`."""
        sent = dict(headers or {})
        if name is None:
            sent.setdefault("x-tenant-id", tenant)
        else:
            sent["authorization"] = f"Bearer {await self.token(name, tenant)}"
        return await self.client.request(method, path, headers=sent, **more)

    async def ledger(self, tenant: str) -> Ledger:
        return await self.registry.resolve(tenant, None)

    async def sequences(self) -> dict[str, int]:
        """How far every journal is."""
        found = {name: (await self.ledger(name)).last_sequence for name in (OWN, OTHER, "default")}
        return found | {"system": self.registry.system.last_sequence}
