"""Decisions about tenants, made on the system journal."""

from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact
from holdfast.domain.records import DOMAIN, TENANT, USER
from holdfast.domain.rejections import Rejected, invalid
from holdfast.domain.tenants import (
    ACTIVE,
    DEFAULT_CURRENCY,
    DEFAULT_TENANT,
    DELETED,
    LOCALHOST,
    SYSTEM_TENANT,
    ChangeTenant,
    DeleteTenant,
    Domain,
    ProvisionTenant,
    Tenant,
    TrashTenant,
)
from holdfast.domain.values import instant_text


def unknown_tenant(tenant_id: str) -> Rejected:
    """Refuse to work on a tenant that is not there."""
    return Rejected("not_found", f"There is no tenant {tenant_id}.", {"tenantId": tenant_id})


def _already_exists(sentence: str, tenant_id: str, domain: str) -> Rejected:
    return Rejected("already_exists", sentence, {"tenantId": tenant_id, "domain": domain})


def provision(draft: Draft, action: ProvisionTenant) -> Fact | None:
    """Make a tenant; None when the same one is there already."""
    tenant_id, domain = action.tenant_id, action.domain
    if tenant_id == SYSTEM_TENANT:
        raise invalid("/tenantId", f"No tenant may be called {SYSTEM_TENANT}; choose another id.")
    known = draft.record(TENANT, (tenant_id,))
    if known is not None and _is_as_asked(known, action):
        draft.show(TENANT, known.key, known)
        return None
    _take_domain(draft, tenant_id, domain)
    if known is not None:
        sentence = f"There is a tenant {tenant_id} already, with another name, domain or look."
        raise _already_exists(sentence, tenant_id, domain)
    made = Tenant(
        tenant_id,
        action.name,
        domain,
        ACTIVE,
        action.currency or DEFAULT_CURRENCY,
        draft.now,
        draft.now,
        draft.last_version(TENANT, (tenant_id,)) + 1,
        action.theme or {},
    )
    draft.put(TENANT, made.key, made)
    return "TenantProvisioned", {"tenantId": tenant_id}


def _is_as_asked(known: Tenant, action: ProvisionTenant) -> bool:
    """Whether a tenant is what is asked for; what was not asked for in particular may differ."""
    return (
        known.exists
        and (known.name, known.domain) == (action.name, action.domain)
        and action.theme in (None, known.theme)
        and action.currency in {None, known.currency}
    )


def _take_domain(draft: Draft, tenant_id: str, domain: str) -> None:
    owner = draft.record(DOMAIN, (domain,))
    taken = owner is not None or (domain == LOCALHOST and tenant_id != DEFAULT_TENANT)
    if taken:
        sentence = f"The domain {domain} is taken; give the tenant another one."
        raise _already_exists(sentence, tenant_id, domain)
    draft.put(DOMAIN, (domain,), Domain(domain, tenant_id))


def _existing(draft: Draft, tenant_id: str, expected_version: int | None) -> Tenant:
    known = draft.record(TENANT, (tenant_id,))
    if known is None or not known.exists:
        raise unknown_tenant(tenant_id)
    require_version(f"The tenant {tenant_id}", known.version, expected_version)
    return known


def change(draft: Draft, action: ChangeTenant) -> Fact | None:
    """Change some of a tenant; None when it is so already."""
    known = _existing(draft, action.tenant_id, action.expected_version)
    changed = known._replace(**action.changes)
    if changed == known:
        draft.show(TENANT, known.key, known)
        return None
    if changed.domain != known.domain:
        _take_domain(draft, known.tenant_id, changed.domain)
        draft.delete(DOMAIN, (known.domain,))
    changed = changed._replace(version=known.version + 1, updated_at=draft.now)
    draft.put(TENANT, changed.key, changed)
    return "TenantChanged", {"tenantId": known.tenant_id}


def delete(draft: Draft, action: DeleteTenant) -> Fact | None:
    """Delete a tenant; None when only its folder is left to be moved."""
    left = draft.record(TENANT, (action.tenant_id,))
    if left is not None and left.status == DELETED:
        draft.show(TENANT, left.key, left)
        return None
    known = _existing(draft, action.tenant_id, action.expected_version)
    if known.tenant_id == DEFAULT_TENANT:
        raise Rejected("in_use", f"The tenant {DEFAULT_TENANT} must stay; suspend it instead.")
    when = instant_text(draft.now).translate({ord(each): None for each in "-:."})
    deleted = known._replace(
        status=DELETED,
        # Versions count on over deletions, so no two are called alike.
        trash=f"{when}-{known.tenant_id}-{known.version + 1}",
        version=known.version + 1,
        updated_at=draft.now,
    )
    draft.put(TENANT, deleted.key, deleted)
    draft.delete(DOMAIN, (known.domain,))
    return "TenantDeleted", {"tenantId": known.tenant_id}


def trash(draft: Draft, action: TrashTenant) -> Fact | None:
    """Forget a deleted tenant and its users; None when that was done already.

    A tenant that gets the same id one day begins without users.
    """
    left = draft.record(TENANT, (action.tenant_id,))
    if left is None or left.status != DELETED:
        return None
    draft.delete(TENANT, left.key)
    for user in [each for each in draft.view.each(USER) if each.tenant_id == left.tenant_id]:
        draft.delete(USER, user.key)
    return "TenantTrashed", {"tenantId": left.tenant_id, "trash": left.trash}
