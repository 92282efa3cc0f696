"""Personal fields as a service, in three modes: encrypted in the log, plain where read, null once forgotten."""

import itertools

import pandas as pd
import pytest

import burgee
from burgee.core.json import Json
from burgee.core.portal import drive
from burgee.core.scope import Scope, bind_scope
from burgee.privacy.service import LocalPrivacyService
from burgee.store.database import Database
from burgee.workspace import Tenant, Workspace

_others = itertools.count(1)

ORDER: dict[str, Json] = {"customer": "c7", "email": "ada@example.org", "total": 12.5}


def place(tenant: Tenant, id: str, data: dict[str, Json] | None = None, type: str = "order.placed") -> None:
    tenant.events.append(f"order-{id}", burgee.Event(type, ORDER if data is None else data, id=id))


def emails(tenant: Tenant) -> dict[str, object]:
    return {event.id: event.data.get("email") for event in tenant.events.read()}


def test_personal_fields_are_plain_wherever_events_are_read_until_they_are_forgotten(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    place(acme, "1")
    place(acme, "2", {"customer": "c8", "email": "bob@example.org", "total": 3})
    assert [event.data for event in acme.events.read("order-1")] == [ORDER]
    assert list(acme.events.query().frame()["email"]) == ["ada@example.org", "bob@example.org"]
    assert dict(acme.events.query().by("email").frame().to_numpy()) == {"ada@example.org": 1, "bob@example.org": 1}

    done = acme.privacy.forget("c7", why="she asked")

    assert (done.subject, done.events, done.keys) == ("c7", 1, 1)
    assert [event.data for event in acme.events.read("order-1")] == [{**ORDER, "email": None}]
    frame = acme.events.query().frame()
    assert frame["email"].isna().tolist() == [True, False]
    assert frame["total"].tolist() == [12.5, 3]
    counts = acme.events.query().by("email").frame()
    assert counts["count"].tolist() == [1, 1]
    assert "ada@example.org" not in counts["email"].tolist()


def test_forgetting_again_does_no_more_and_says_when_it_was_done(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    place(acme, "1")
    first = acme.privacy.forget("c7")
    again = acme.privacy.forget("c7")
    assert (again.events, again.keys, again.at) == (0, 0, first.at)
    assert acme.privacy.history().frame()["change"].tolist() == ["protected", "forgotten"]


def test_one_of_whom_nothing_is_stored_is_an_error_that_says_who_there_is(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    place(acme, "1", {**ORDER, "customer": "customer-7"})
    with pytest.raises(burgee.NotFoundError, match="no subject 'custmer-7'") as caught:
        acme.privacy.forget("custmer-7")
    assert "did you mean 'customer-7'?" in caught.value.hints
    done = acme.privacy.forget("custmer-7", missing_ok=True)
    assert (done.events, done.keys, done.at) == (0, 0, None)
    assert emails(acme) == {"1": "ada@example.org"}


def test_what_is_said_later_of_a_forgotten_one_has_a_key_of_its_own(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    place(acme, "1")
    acme.privacy.forget("c7")
    place(acme, "2")
    assert emails(acme) == {"1": None, "2": "ada@example.org"}
    [subject] = acme.privacy.subjects()
    assert (subject.subject, subject.generation, subject.forgotten) == ("c7", 2, False)
    assert acme.privacy.forget("c7").events == 1
    assert emails(acme) == {"1": None, "2": None}


def test_the_same_event_again_is_known_before_and_after_and_brings_nothing_back(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    rows = pd.DataFrame([{**ORDER, "kind": "order.placed", "at": "2026-01-01", "id": "i1"}])
    place(acme, "1")
    assert acme.events.ingest(rows, stream="customer", type="kind", time="at", id="id").stored == 1
    for forgotten in (False, True):
        if forgotten:
            assert acme.privacy.forget("c7").events == 2
        assert acme.events.append("order-1", burgee.Event("order.placed", ORDER, id="1")).repeated
        again = acme.events.ingest(rows, stream="customer", type="kind", time="at", id="id")
        assert (again.stored, again.known) == (0, 1)
        with pytest.raises(burgee.DuplicateEventError, match="other content"):
            place(acme, "1", {**ORDER, "total": 13})
    assert emails(acme) == {"1": None, "i1": None}


def test_another_email_under_a_known_id_is_other_content(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    place(acme, "1")
    with pytest.raises(burgee.DuplicateEventError, match="other content"):
        place(acme, "1", {**ORDER, "email": "eve@example.org"})


def test_a_rule_holds_for_events_after_it_and_changing_it_leaves_all_readable(acme: Tenant) -> None:
    place(acme, "1")
    acme.privacy.protect("order.*", fields=["email"], subject="customer")
    place(acme, "2")
    acme.privacy.protect("order.*", fields=["address"], subject="stream")
    place(acme, "3", {**ORDER, "address": "12 Quay"})
    acme.privacy.unprotect("order.*")
    place(acme, "4")
    assert acme.privacy.rules().count() == 0
    assert set(emails(acme).values()) == {"ada@example.org"}
    assert acme.events.append("order-1", burgee.Event("order.placed", ORDER, id="1")).repeated
    assert acme.privacy.forget("c7").events == 1
    assert emails(acme) == {"1": "ada@example.org", "2": None, "3": "ada@example.org", "4": "ada@example.org"}
    assert acme.privacy.forget("order-3").events == 1
    assert [event.data["address"] for event in acme.events.read("order-3")] == [None]


def test_the_narrower_rule_says_whose_a_field_is(acme: Tenant) -> None:
    acme.privacy.protect("*", fields=["email"], subject="stream")
    acme.privacy.protect("order.placed", fields={"email": "customer", "address": "recipient"})
    place(acme, "1", {**ORDER, "address": "12 Quay", "recipient": 9})
    place(acme, "2", type="order.paid")
    listed = acme.privacy.rules().frame()
    assert listed.to_numpy().tolist() == [
        ["*", "email", "stream"],
        ["order.placed", "address", "recipient"],
        ["order.placed", "email", "customer"],
    ]
    assert [subject.subject for subject in acme.privacy.subjects()] == ["9", "c7", "order-2"]
    acme.privacy.forget("9")
    assert [event.data["address"] for event in acme.events.read("order-1")] == [None]
    assert emails(acme) == {"1": "ada@example.org", "2": "ada@example.org"}


def test_an_event_with_personal_fields_that_are_nobodys_is_refused_and_nothing_stored(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    nobodys: tuple[dict[str, Json], ...] = (
        {"email": "x"},
        {"email": "x", "customer": None},
        {"email": "x", "customer": ["c7"]},
    )
    for data in nobodys:
        with pytest.raises(burgee.InvalidInputError, match="whose they are: 'customer'") as caught:
            place(acme, "1", data)
        assert "order.placed" in caught.value.hints[0]
    rows = pd.DataFrame([{"who": "c1", "email": "x", "kind": "order.placed", "at": "2026-01-01"}])
    with pytest.raises(burgee.InvalidInputError, match="whose they are"):
        acme.events.ingest(rows, stream="who", type="kind", time="at")
    assert acme.events.query().count() == 0
    assert acme.privacy.subjects().count() == 0
    place(acme, "1", {"total": 1})  # nothing personal in it
    place(acme, "2", {"total": 1, "email": None})


def test_one_who_is_named_only_in_what_is_encrypted_is_listed_by_a_hash(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="email")
    place(acme, "1")
    [subject] = acme.privacy.subjects()
    assert subject.subject.startswith("hidden:")
    assert "example" not in subject.subject
    assert acme.privacy.forget("ada@example.org").events == 1
    assert emails(acme) == {"1": None}
    assert "example" not in str(acme.privacy.history().frame().to_numpy().tolist())


def test_a_hash_as_it_is_listed_names_its_subject_too(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="email")
    place(acme, "1")
    [subject] = acme.privacy.subjects()
    assert acme.privacy.forget(subject.subject).events == 1


def test_the_history_tells_who_did_what_and_why(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer", why="as counsel said")
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")  # as it is
    place(acme, "1")
    acme.privacy.forget("c7", why="ticket 12")
    acme.privacy.unprotect("order.placed")
    history = acme.privacy.history().frame()
    assert history["change"].tolist() == ["protected", "forgotten", "unprotected"]
    assert history["why"].tolist()[:2] == ["as counsel said", "ticket 12"]
    assert history["after"].tolist() == [
        {"order.placed": {"email": "customer"}},
        {"subject": ["c7"], "keys": 1, "events": 1},
        {},
    ]
    assert history["before"].tolist()[2] == {"order.placed": {"email": "customer"}}
    assert all(history["actor"])


def test_two_tenants_have_two_keys_for_the_same_name(ws: Workspace) -> None:
    """P10: forgetting in one leaves the other, and neither lists the other's people."""
    one, two = (ws.tenants.create(f"privacy-{next(_others)}") for _ in range(2))
    for tenant in (one, two):
        tenant.privacy.protect("order.placed", fields=["email"], subject="customer")
        place(tenant, "1")
    place(two, "2", {**ORDER, "customer": "c9"})
    one.privacy.forget("c7")
    assert emails(one) == {"1": None}
    assert emails(two) == {"1": "ada@example.org", "2": "ada@example.org"}
    assert [(s.subject, s.forgotten) for s in one.privacy.subjects()] == [("c7", True)]
    assert [(s.subject, s.forgotten) for s in two.privacy.subjects()] == [("c7", False), ("c9", False)]
    with pytest.raises(burgee.NotFoundError):
        one.privacy.forget("c9")


def test_rules_of_one_tenant_are_not_the_others(ws: Workspace) -> None:
    one, two = (ws.tenants.create(f"privacy-{next(_others)}") for _ in range(2))
    one.privacy.protect("order.placed", fields=["email"], subject="customer")
    place(two, "1")
    assert two.privacy.rules().count() == 0
    assert two.privacy.subjects().count() == 0


def test_subjects_come_in_pages(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    names = [f"c{n:03}" for n in range(230)]
    rows = pd.DataFrame({"customer": names, "email": "x@example.org", "kind": "order.placed", "at": "2026-01-01"})
    acme.events.ingest(rows, stream="customer", type="kind", time="at")
    assert acme.privacy.subjects().frame()["subject"].tolist() == names
    acme.privacy.forget("c000")
    assert acme.privacy.subjects().frame()["forgotten"].sum() == 1


@pytest.mark.parametrize(
    ("type", "fields", "subject"),
    [
        ("order.placed", ["email"], None),
        ("order.placed", [], "customer"),
        ("order.placed", "email", "customer"),
        ("order.*.x", ["email"], "customer"),
        ("", ["email"], "customer"),
        ("order.placed", [""], "customer"),
        ("order.placed", ["email"], ""),
        ("order.placed", {"email": 7}, None),
    ],
)
def test_rules_that_cannot_be_are_refused(acme: Tenant, type: str, fields: list[str], subject: str | None) -> None:
    with pytest.raises(burgee.InvalidInputError):
        acme.privacy.protect(type, fields, subject=subject)
    assert acme.privacy.history().count() == 0


def test_a_rule_that_is_not_there_cannot_be_taken_back(acme: Tenant) -> None:
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    with pytest.raises(burgee.NotFoundError, match=r"no rule 'order\.plcaed'") as caught:
        acme.privacy.unprotect("order.plcaed")
    assert "did you mean 'order.placed'?" in caught.value.hints


def test_what_looks_encrypted_is_refused_and_what_only_mentions_the_mark_is_kept(acme: Tenant) -> None:
    forged: Json = {"$personal": ["c7", 1, "AAAA"]}
    with pytest.raises(burgee.InvalidInputError, match="encrypted fields are kept so"):
        place(acme, "1", {"email": forged})
    kept: dict[str, Json] = {"$personal": "x", "deep": {"more": forged}, "text": '{"$personal":["c7",1,"AAAA"]}'}
    place(acme, "2", kept)
    assert [event.data for event in acme.events.read()] == [kept]


def test_the_same_request_again_gets_the_first_answer() -> None:
    """A client that lost the answer asks again with the same idempotency key."""
    with burgee.open("memory://") as ws:
        acme = ws.tenants.create("acme")
        acme.privacy.protect("order.placed", fields=["email"], subject="customer")
        place(acme, "1")
        place(acme, "2", {**ORDER, "customer": "c8"})
        with bind_scope(Scope("acme", idempotency_key="k1")):
            first = drive(ws.services.privacy.forget("c7")).unwrap()
            again = drive(ws.services.privacy.forget("c7")).unwrap()
            other = drive(ws.services.privacy.forget("c8"))
    assert (again.events, again.keys) == (first.events, first.keys) == (1, 1)
    with pytest.raises(burgee.DuplicateEventError, match="another change"):
        other.unwrap()


def test_without_a_tenant_there_is_no_privacy_to_speak_of() -> None:
    """R4.4."""
    database = Database.in_memory()
    service = LocalPrivacyService(database, burgee.ManualClock())
    for work in (service.rules(), service.forget("c7"), service.protect("x", {"a": "b"}), service.history()):
        with pytest.raises(burgee.MissingTenantError):
            drive(work)
    database.close()


def test_privacy_shows_itself_without_asking_anything(acme: Tenant) -> None:
    assert "forget" in repr(acme.privacy)
    assert "protect" in acme.privacy._repr_mimebundle_()["text/html"]


def test_what_was_stored_before_a_rule_is_known_again_though_the_rule_would_refuse_it(acme: Tenant) -> None:
    rows = pd.DataFrame([{"who": "c1", "email": "x", "kind": "order.placed", "at": "2026-01-01"}])
    acme.events.ingest(rows, stream="who", type="kind", time="at")
    acme.privacy.protect("order.placed", fields=["email"], subject="customer")
    assert acme.events.ingest(rows, stream="who", type="kind", time="at").known == 1
