"""The tenants of this service, for whoever runs it; and what a storefront asks first."""

from typing import Final

from holdfast.domain.records import TENANT, Json, Outcome
from holdfast.domain.tenants import ChangeTenant, DeleteTenant, ProvisionTenant, Tenant
from holdfast.domain.values import instant_text
from holdfast.http.answer import Answer, etag, json_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.headers import none_match
from holdfast.http.query import PAGE, cursor_key, cursor_text
from holdfast.http.schemas import tenants as schemas
from holdfast.http.schemas.inputs import Expecting

TAG: Final = "Tenants"


async def provision_tenant(call: Call, body: schemas.ProvisionBody) -> Answer:
    """Make a tenant, with a journal and a folder of its own.

    The same again is answered with 200 and the tenant as it is. A journal that lies in the tenant's
    folder already, copied from elsewhere, is adopted when `tenantId` names it.
    """
    action = ProvisionTenant(
        body.tenant_id or "", body.name, body.domain, body.theme, body.currency
    )
    outcome = await call.services.tenants.provision(call.command(action), action)
    return _answer(outcome, 200 if outcome.existing else 201)


async def list_tenants(call: Call) -> Answer:
    """List the tenants, by id."""
    limit: int = call.query["limit"]
    after = cursor_key(call.query["cursor"], 1)
    found = await call.services.tenants.tenants("" if after is None else after[0], limit + 1)
    more = len(found) > limit
    items = [tenant_body(tenant) for tenant in found[:limit]]
    next_cursor = cursor_text(found[limit - 1].tenant_id) if more else None
    return json_answer({"items": items, "nextCursor": next_cursor})


async def read_tenant(call: Call) -> Answer:
    """Read a tenant."""
    tenant = await call.services.tenants.tenant(call.params["tenantId"])
    return _unless_known(call, tenant, tenant_body(tenant))


async def change_tenant(call: Call, body: schemas.ChangeTenantBody) -> Answer:
    """Change some of a tenant: its name, domain, look, currency or default store; suspend it.

    From the answer on, requests find it under the new domain only, and while it is suspended they
    are answered with 403. Its id stays what it is: it is in every file of the tenant.
    """
    expected = call.expected(body.expected_version)
    action = ChangeTenant(call.params["tenantId"], _changes(body), expected)
    return _answer(await call.services.tenants.change(call.command(action)), 200)


def _changes(body: schemas.ChangeTenantBody) -> dict[str, Json]:
    given = body.model_dump(exclude_unset=True, exclude={"expected_version"})
    cleared: dict[str, Json] = {"theme": {}, "default_store_id": None}
    changes = {name: cleared.get(name) if value is None else value for name, value in given.items()}
    return {
        name: value
        for name, value in changes.items()
        if value is not None or name == "default_store_id"
    }


async def delete_tenant(call: Call, body: Expecting) -> Answer:
    """Delete a tenant: nobody finds it any more, and its domain and id are free.

    Its folder is moved to the trash, with everything in it; nothing here removes it from there.
    """
    action = DeleteTenant(call.params["tenantId"], call.expected(body.expected_version))
    outcome = await call.services.tenants.delete(call.command(action), action)
    tenant = _tenant_of(outcome)
    told = {
        "tenantId": tenant.tenant_id,
        "status": tenant.status,
        "trash": f"trash/{tenant.trash}",
    }
    return json_answer(told, 200, (), outcome.replayed)


async def read_store_config(call: Call) -> Answer:
    """Read what a storefront has to know first: whose it is, and what it looks like."""
    tenant = await call.services.tenants.tenant(call.ledger.tenant_id)
    body = {
        "tenantId": tenant.tenant_id,
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        "theme": tenant.theme,
        "currency": tenant.currency,
    }
    return _unless_known(call, tenant, body)


def tenant_body(tenant: Tenant) -> dict[str, Json]:
    """Write a tenant."""
    return {
        "tenantId": tenant.tenant_id,
        "name": tenant.name,
        "domain": tenant.domain,
        "status": tenant.status,
        "theme": tenant.theme,
        "currency": tenant.currency,
        "defaultStoreId": tenant.default_store_id,
        "createdAt": instant_text(tenant.created_at),
        "updatedAt": instant_text(tenant.updated_at),
        "version": tenant.version,
    }


def _tenant_of(outcome: Outcome) -> Tenant:
    found: Tenant = next(record for table, _, record in outcome.records if table is TENANT)
    return found


def _answer(outcome: Outcome, status: int) -> Answer:
    tenant = _tenant_of(outcome)
    return json_answer(tenant_body(tenant), status, (etag(tenant.version),), outcome.replayed)


def _unless_known(call: Call, tenant: Tenant, body: Json) -> Answer:
    tag = etag(tenant.version)
    if none_match(call.headers, tag[1]):
        return Answer(304, b"", None, (tag,))
    return json_answer(body, 200, (tag,))


_ONE: Final = "/sys/tenants/{tenantId}"
_UNAVAILABLE: Final = "tenant_unavailable"
_NOT_CHANGED: Final = Reply("Not changed since the version in `If-None-Match`.", etag=True)

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/sys/provision",
        handler=provision_tenant,
        tag=TAG,
        body=schemas.ProvisionBody,
        tenant=False,
        replies={
            201: Reply("The tenant.", schemas.Tenant, etag=True),
            200: Reply("It was there already, just so.", schemas.Tenant, etag=True),
        },
        problems=("already_exists", _UNAVAILABLE),
        writes=True,
    ),
    Endpoint(
        method="GET",
        path="/sys/tenants",
        handler=list_tenants,
        tag=TAG,
        query=PAGE,
        tenant=False,
        replies={200: Reply("A page of tenants.", schemas.TenantPage)},
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        handler=read_tenant,
        tag=TAG,
        tenant=False,
        replies={200: Reply("The tenant.", schemas.Tenant, etag=True), 304: _NOT_CHANGED},
        problems=("not_found",),
    ),
    Endpoint(
        method="PATCH",
        path=_ONE,
        handler=change_tenant,
        tag=TAG,
        body=schemas.ChangeTenantBody,
        tenant=False,
        replies={200: Reply("The tenant after it.", schemas.Tenant, etag=True)},
        problems=("not_found", "version_conflict", "already_exists"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        handler=delete_tenant,
        tag=TAG,
        body=Expecting,
        body_optional=True,
        tenant=False,
        replies={200: Reply("Where its folder is now.", schemas.DeletedTenant)},
        problems=("not_found", "version_conflict", "in_use", _UNAVAILABLE),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="GET",
        path="/store/config",
        handler=read_store_config,
        tag="Storefront",
        replies={200: Reply("Whose it is.", schemas.StoreConfig, etag=True), 304: _NOT_CHANGED},
    ),
)
