"""Every type of event, as decided at a desk; the same each time."""

from holdfast.domain.commands import (
    AcknowledgeAlert,
    AdjustStock,
    ApplyBatch,
    CancelOrder,
    CancelReservation,
    ConfirmOrder,
    ConfirmReservation,
    CountStock,
    DeleteItem,
    DeleteLocation,
    DeleteMenuItem,
    ExpireReservation,
    ExtendReservation,
    PlaceOrder,
    Portions,
    PutItem,
    PutLocation,
    PutMenuItem,
    ReceiveStock,
    SetOut,
    SetRecipe,
    ShipStock,
    TransferStock,
)
from holdfast.domain.events import Event
from holdfast.domain.records import Line
from holdfast.domain.tenants import ChangeTenant, DeleteTenant, ProvisionTenant, TrashTenant
from holdfast.domain.users import AddUser, ChangeUser, EndSessions, SetPassword
from tests.unit.domain.desk import NOW, Desk, key, reserve, row


def one_of_each() -> list[Event]:
    """Decide every command of a shop and of a restaurant once at least."""
    desk = Desk()
    desk.do(ReceiveStock("S", "A", 9, reason="déjà vu", occurred_at=NOW), **key())
    desk.do(AdjustStock("S", "A", -1))
    desk.do(CountStock("S", "A", 9), **row(1, 0))
    desk.do(ShipStock("S", "A", 1))
    desk.do(TransferStock("S", "T", (Line("A", 1),)))
    desk.do(SetOut("S", "A", True, reason="x", until=NOW + 1))
    desk.do(SetOut("S", "A", False))
    desk.do(SetOut("S", "A", False), **key("k2"))
    desk.do(SetOut("S", "A", False), **row(2, 1))
    desk.do(ShipStock("S", "A", 99), **row(3, 2))
    for name in ("r1", "r2", "r3"):
        desk.do(reserve(("A", 1), name=name, user="ann" if name == "r1" else None, ttl=5))
    desk.do(reserve(("A", 1), name="r4", user="ann", reuse=True), **key("k3"))
    desk.do(ExtendReservation("r1", "ann", None))
    desk.do(ConfirmReservation("r1", "ann"))
    desk.do(CancelReservation("r2", None))
    desk.now += 5
    desk.do(ExpireReservation("r3"))
    desk.do(ApplyBatch((ReceiveStock("S", "A", 1), ShipStock("S", "A", 1))))
    run_a_kitchen(desk)
    let_people_in(desk)
    return desk.events


def run_a_kitchen(desk: Desk) -> None:
    """Every command of a restaurant, once at least."""
    desk.do(PutItem("A", "Apple", "fruit", "pieces", 30, 5, "/a.png", "Red.", new=True), **key("i"))
    desk.do(PutItem("B", "Basil", new=True))
    desk.do(PutItem("A", "Apple", low_stock_threshold=50))
    desk.do(AcknowledgeAlert(desk.alerts()[0].id), **key("ack"))
    desk.do(DeleteItem("B"), **key("del"))
    desk.do(PutLocation("K", "Kitchen", "Main Street 1", "Europe/Rome", new=True))
    desk.do(PutLocation("K", "Kitchen"))
    desk.do(DeleteLocation("K"))
    desk.do(PutMenuItem("pie", "Pie", 450, "sweet", True, (Line("A", 1),), "Hot.", "/p", new=True))
    desk.do(SetRecipe("pie", (Line("A", 2),)))
    for name in ("o1", "o2"):
        desk.do(PlaceOrder(name, "S", (Portions("pie", 1),), "Ann", "ann", 60_000), **key(name))
    desk.do(ConfirmOrder("o1", "ann"))
    desk.do(CancelOrder("o2", "ann"), **key("off"))
    desk.do(DeleteMenuItem("pie"))


def let_people_in(desk: Desk) -> None:
    """Every command of the system journal, once at least."""
    for tenant in ("pizza", "pasta"):
        desk.do(ProvisionTenant(tenant, tenant.title(), f"{tenant}.localhost", {"ink": "red"}))
    desk.do(ChangeTenant("pizza", {"name": "Roma", "default_store_id": "S"}))
    desk.do(AddUser("pizza", "ada", "$argon2id$made-up", ("admin", "kitchen")), **key("ada"))
    desk.do(AddUser("pasta", "node", None, ("service",)))
    desk.do(ChangeUser("pizza", "ada", {"roles": ("admin",), "status": "disabled"}))
    desk.do(SetPassword("pizza", "ada", "$argon2id$another"))
    desk.do(EndSessions("pizza", "ada"))
    desk.do(DeleteTenant("pasta"))
    desk.do(TrashTenant("pasta"))
