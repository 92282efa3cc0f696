"""Event classes that say themselves what is personal."""

import dataclasses
from typing import Annotated

import pytest
from pydantic import BaseModel

import burgee
from burgee.core.json import Json
from burgee.workspace import Tenant


@dataclasses.dataclass(frozen=True)
class OrderPlaced:
    """An order, as a dataclass."""

    customer: Annotated[str, burgee.Subject]
    email: Annotated[str, burgee.Personal]
    address: Annotated[dict[str, Json], burgee.Personal()] | None = None
    total: float = 0.0
    __burgee_event__ = ("order.placed", 1)


class GiftSent(BaseModel):
    """A gift, as a pydantic model; two people are in it."""

    buyer: str
    recipient: str
    email: Annotated[str, burgee.Personal("buyer")]
    street: Annotated[str, burgee.Personal("recipient")]
    __burgee_event__ = ("gift.sent", 1)


class Address(BaseModel):
    """A part of others."""

    street: Annotated[str, burgee.Personal]


class Nested(BaseModel):
    """A personal field that is no field of the payload."""

    customer: Annotated[str, burgee.Subject]
    email: Annotated[str, burgee.Personal]
    homes: list[Address]
    __burgee_event__ = ("nested", 1)


class Nobodys(BaseModel):
    """Personal, and no word of whose."""

    email: Annotated[str, burgee.Personal]
    __burgee_event__ = ("nobodys", 1)


class Plain(BaseModel):
    """Nothing personal."""

    total: float
    __burgee_event__ = ("plain", 1)


def test_a_class_says_what_is_personal_and_whose(acme: Tenant) -> None:
    acme.privacy.protect(OrderPlaced)
    rules = acme.privacy.protect(GiftSent)
    assert rules.frame().to_numpy().tolist() == [
        ["gift.sent", "email", "buyer"],
        ["gift.sent", "street", "recipient"],
        ["order.placed", "address", "customer"],
        ["order.placed", "email", "customer"],
    ]
    order = OrderPlaced("c7", "ada@example.org", {"city": "Kiel"}, 3.0)
    acme.events.append("order-1", burgee.Event("order.placed", dataclasses.asdict(order)))
    acme.privacy.forget("c7")
    [event] = acme.events.read("order-1")
    assert event.data == {"customer": "c7", "email": None, "address": None, "total": 3.0}


def test_the_subject_and_the_type_can_be_said_beside_it(acme: Tenant) -> None:
    assert acme.privacy.protect(Nobodys, subject="stream").frame().to_numpy().tolist() == [
        ["nobodys", "email", "stream"]
    ]
    assert acme.privacy.protect("other", OrderPlaced).frame()["type"].tolist() == ["nobodys", "other", "other"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Nested, "Address.street"),
        (Nobodys, "no fields of Nobodys are marked as the subject"),
        (Plain, "no field of Plain is marked as personal"),
        (Address, "does not say which event type it is"),
        (int, "does not say which event type it is"),
    ],
)
def test_classes_that_leave_something_open_are_refused(acme: Tenant, kind: type, why: str) -> None:
    with pytest.raises(burgee.InvalidInputError, match=why):
        acme.privacy.protect(kind)
