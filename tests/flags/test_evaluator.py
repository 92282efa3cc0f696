"""The evaluator: what applications hold in memory, and how it is kept up to date."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import pydantic
import pytest

import burgee
from burgee.core.json import Json
from burgee.flags.applications.evaluator import attributes_of
from burgee.flags.applications.following import FlagsChanged, applied
from burgee.flags.applications.snapshot import Snapshot
from burgee.flags.model import FlagState, Prerequisite, Ruleset, Variant
from burgee.workspace import Tenant, Workspace

SECONDS = 20
VALUES: dict[str, Json] = {
    "yes": True,
    "text": "red",
    "whole": 3,
    "half": 0.5,
    "object": {"a": [1]},
    "array": [1, 2],
    "none": None,
}


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def local() -> Iterator[Tenant]:
    with burgee.open("memory://") as ws:
        yield ws.tenants.create("acme")


def all_serve(evaluators: list[burgee.FlagEvaluator[Mapping[str, object]]], version: int) -> bool:
    return {evaluator.snapshot().version("checkout") for evaluator in evaluators} == {version}


def flag(key: str, **fields: object) -> FlagState:
    variants = (Variant[object]("on", True, 100.0), Variant[object]("off", False))
    return FlagState(key, variants, "off", enabled=True, **fields)  # type: ignore[arg-type] # whatever the test is about


def test_a_change_reaches_every_evaluator_and_none_is_skipped(acme: Tenant) -> None:
    made = acme.flags.create("checkout", variants={"control": 50, "treatment": 50}).enable()
    notices: list[list[burgee.Notice]] = [[] for _ in range(20)]
    evaluators = [acme.flags.evaluator(on_change=seen.append) for seen in notices]
    for percent in (0, 100):
        made = made.rollout(percent)
        until(partial(all_serve, evaluators, made.version))
    assert {evaluator.evaluate("checkout", {"id": "u1"}).reason for evaluator in evaluators} == {burgee.Reason.SPLIT}
    until(lambda: all(seen and seen[-1].flags == ("checkout",) for seen in notices))
    assert {notice.kind for seen in notices for notice in seen} == {"changed"}
    assert not any(evaluator.stale for evaluator in evaluators)
    for evaluator in evaluators:
        evaluator.close()


def test_new_flags_and_segments_arrive_and_what_refers_to_them_is_told(acme: Tenant) -> None:
    notices: list[burgee.Notice] = []
    with acme.flags.evaluator(on_change=notices.append) as evaluator:
        assert evaluator.evaluate("beta", {"id": "u1"}, "none").value == "none"
        acme.segments.create("testers", ids=["u1"])
        acme.flags.create("beta").target("id", "in_segment", "testers", serve="on").rollout(0).enable()
        until(lambda: evaluator.variant("beta", {"id": "u1"}) == "on")
        assert evaluator.variant("beta", {"id": "u2"}) == "off"
        notices.clear()
        acme.segments["testers"].add(["u2"])
        until(lambda: evaluator.variant("beta", {"id": "u2"}) == "on")
        until(lambda: [notice.flags for notice in notices] == [("beta",)])


def test_an_evaluator_that_asks_at_an_interval_sees_changes_too(acme: Tenant) -> None:
    made = acme.flags.create("checkout").enable()
    with acme.flags.evaluator(refresh=0.05) as evaluator:
        assert evaluator.boolean("checkout", {"id": "u1"}, False).value
        made.kill()
        until(lambda: not evaluator.boolean("checkout", {"id": "u1"}, True).value)
        assert not evaluator.stale
        assert evaluator.age < SECONDS


def test_an_archived_flag_goes_on_serving_its_default(local: Tenant) -> None:
    made = local.flags.create("old").enable()
    with local.flags.evaluator() as evaluator:
        made.archive()
        until(lambda: evaluator.evaluate("old", {"id": "u1"}).reason is burgee.Reason.DISABLED)
        assert evaluator.evaluate("old", {"id": "u1"}) == local.flags["old"].evaluate({"id": "u1"})
        assert "old" not in evaluator.evaluate_all({"id": "u1"})


def test_other_tenants_flags_are_not_there(ws: Workspace) -> None:
    one, other = ws.tenants.create("one", exist_ok=True), ws.tenants.create("other", exist_ok=True)
    one.flags.create("mine", exist_ok=True)
    with other.flags.evaluator() as evaluator:
        assert "mine" not in evaluator.snapshot()
        assert len(evaluator.snapshot()) == 0


def test_refresh_has_the_newest_at_once(local: Tenant) -> None:
    with local.flags.evaluator(refresh=3600) as evaluator:
        local.flags.create("now").enable()
        assert "now" not in evaluator.snapshot()
        assert evaluator.refresh().boolean("now", {"id": "u1"}, False).value
    with pytest.raises(burgee.InvalidInputError, match="is closed"):
        evaluator.refresh()


def test_a_snapshot_stays_what_it_was(local: Tenant) -> None:
    made = local.flags.create("checkout").enable()
    with local.flags.evaluator() as evaluator:
        before = evaluator.snapshot()
        made.disable()
        until(lambda: evaluator.snapshot() is not before)
        assert before.evaluate("checkout", {"id": "u1"}).value is True
        assert evaluator.evaluate("checkout", {"id": "u1"}).value is False
        assert before.position < evaluator.snapshot().position


@pytest.mark.parametrize(
    ("verb", "default", "served"),
    [
        ("boolean", False, {"yes"}),
        ("text", "blue", {"text"}),
        ("number", 7, {"whole", "half"}),
        ("json", {}, {"object", "array"}),
    ],
)
def test_a_value_of_another_kind_is_the_default_and_says_why(
    local: Tenant, verb: str, default: object, served: set[str]
) -> None:
    for name, value in VALUES.items():
        local.flags.create(name, variants={"it": 100}, values={"it": value}).enable()
    with local.flags.evaluator(exposures=True) as evaluator:
        for name, value in VALUES.items():
            answer = getattr(evaluator, verb)(name, {"id": "u1"}, default)
            if name in served:
                assert (answer.value, answer.reason) == (value, burgee.Reason.SPLIT)
            else:
                assert (answer.value, answer.variant, answer.reason) == (default, None, burgee.Reason.ERROR)
                assert f"flag {name!r} serves" in answer.error
        assert evaluator.exposures is not None
        assert evaluator.exposures.flush().stored == len(served)


@dataclass(frozen=True, slots=True)
class Slotted:
    id: str
    country: str
    anything: ClassVar[int] = 1


class Modelled(pydantic.BaseModel):
    id: str
    country: str = "DE"


class Mapped(dict[str, object]):
    pass


@pytest.mark.parametrize("context", [Slotted("u1", "DE"), Modelled(id="u1"), Mapped(id="u1", country="DE")])
def test_contexts_are_mappings_models_and_dataclasses(local: Tenant, context: object) -> None:
    local.flags.create("checkout").target("country", "eq", "DE", serve="on").rollout(0).enable()
    with local.flags.evaluator(type(context)) as evaluator:
        assert evaluator.variant("checkout", context) == "on"
    assert dict(attributes_of(context)) == {"id": "u1", "country": "DE"}


@pytest.mark.parametrize("context", [None, 3, math.nan, "u1", ["u1"], object(), Slotted])
def test_what_is_no_context_is_told_and_never_raised(local: Tenant, context: object) -> None:
    local.flags.create("checkout").enable()
    with local.flags.evaluator(exposures=True) as evaluator:
        answer = evaluator.evaluate("checkout", context)  # type: ignore[arg-type] # it is the point
        assert answer.reason is burgee.Reason.ERROR
        assert "mapping" in str(answer.error)
        assert evaluator.boolean("checkout", context, True).value is True  # type: ignore[arg-type] # the same


@pytest.mark.parametrize("key", ["", "chekout", "ключ", "x" * 10_000, None, 3, ["checkout"]])
def test_a_key_that_is_none_is_the_default_and_never_raised(local: Tenant, key: object) -> None:
    local.flags.create("checkout").enable()
    with local.flags.evaluator(exposures=True) as evaluator:
        answer = evaluator.evaluate(key, {"id": "u1"}, {"a": 1})  # type: ignore[arg-type] # it is the point
        assert (answer.value, answer.reason) == ({"a": 1}, burgee.Reason.ERROR)
        assert answer.error


@pytest.mark.parametrize("refresh", [None, 0, -1, math.nan, math.inf, True, "pull", 0.001])
def test_a_refresh_that_can_not_be_is_named(local: Tenant, refresh: object) -> None:
    with pytest.raises(burgee.InvalidInputError, match="refresh can't be"):
        local.flags.evaluator(refresh=refresh)  # type: ignore[call-overload] # it is the point


def test_other_arguments_that_can_not_be_are_named(local: Tenant) -> None:
    with pytest.raises(burgee.InvalidInputError, match="no class of contexts"):
        local.flags.evaluator(int)
    with pytest.raises(burgee.InvalidInputError, match="on_change"):
        local.flags.evaluator(on_change="print")  # type: ignore[call-overload] # it is the point
    with pytest.raises(burgee.InvalidInputError, match=r"burgee\.Exposures"):
        local.flags.evaluator(exposures=0.1)  # type: ignore[call-overload] # it is the point


def test_many_threads_ask_while_flags_change_and_each_sees_flags_that_fit_together(local: Tenant) -> None:
    """`child` requires `parent`, and both are changed; a snapshot never mixes two moments."""
    parent = local.flags.create("parent").enable()
    local.flags.create("child").require("parent", "on").enable()
    wrong: list[object] = []
    over = threading.Event()

    with local.flags.evaluator() as evaluator:

        def ask() -> None:
            while not over.is_set():
                snapshot = evaluator.snapshot()
                both = {key: snapshot.evaluate(key, {"id": "u1"}).value for key in ("parent", "child")}
                if len(set(both.values())) != 1:
                    wrong.append(both)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(20):
            parent = parent.disable() if number % 2 else parent.enable()
        last = parent.version
        until(lambda: evaluator.snapshot().version("parent") == last)
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_flags_that_did_not_change_keep_their_compiled_form(local: Tenant) -> None:
    made = local.flags.create("one").enable()
    local.flags.create("other").enable()
    with local.flags.evaluator() as evaluator:
        before = evaluator.snapshot()
        made.rollout(50)
        until(lambda: evaluator.snapshot() is not before)
        after = evaluator.snapshot()
    assert after.compiled.flag("other") is before.compiled.flag("other")
    assert after.compiled.flag("one") is not before.compiled.flag("one")


def test_a_listener_that_fails_harms_nobody(local: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    made = local.flags.create("checkout").enable()
    told: list[burgee.Notice] = []

    def fail(_: burgee.Notice) -> None:
        raise ZeroDivisionError

    with local.flags.evaluator(on_change=fail) as evaluator:
        end = evaluator.listen(told.append)
        made.disable()
        until(lambda: told)
        end()
        end()
    assert "listener" in caplog.text


def test_closing_ends_the_thread_and_leaves_what_was_known(local: Tenant) -> None:
    local.flags.create("checkout").enable()
    evaluator = local.flags.evaluator()
    evaluator.close()
    evaluator.close()
    assert evaluator.closed
    assert evaluator.stale
    assert evaluator.variant("checkout", {"id": "u1"}) == "on"
    assert "closed" in repr(evaluator)
    assert not [thread for thread in threading.enumerate() if thread.name == "burgee-flags"]


def test_closing_the_workspace_closes_its_evaluators() -> None:
    with burgee.open("memory://") as ws:
        evaluator = ws.tenants.create("acme").flags.evaluator()
    assert evaluator.closed


def test_an_evaluator_nobody_holds_ends_by_itself(local: Tenant) -> None:
    local.flags.evaluator()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "burgee-flags"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_follows_by_itself(tmp_path: object) -> None:
    with burgee.open(f"{tmp_path}/ws") as ws:
        acme = ws.tenants.create("acme")
        made = acme.flags.create("checkout").enable()
        with acme.flags.evaluator() as evaluator:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(write, b"r")
                end = time.monotonic() + SECONDS
                while evaluator.variant("checkout", {"id": "u1"}) == "on" and time.monotonic() < end:
                    time.sleep(0.01)
                os._exit(0 if evaluator.variant("checkout", {"id": "u1"}) == "off" else 1)
            assert os.read(read, 1) == b"r"
            made.disable()
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            until(lambda: evaluator.variant("checkout", {"id": "u1"}) == "off")


def test_what_changed_is_told_with_all_that_depends_on_it() -> None:
    a, b = flag("a"), flag("b", prerequisites=(Prerequisite("a", ("on",)),))
    c = flag("c", prerequisites=(Prerequisite("b", ("on",)),))
    before = Snapshot(Ruleset({"a": a, "b": b, "c": c, "d": flag("d")}, {}, 3))
    after = Snapshot(applied(before.ruleset, FlagsChanged(4, (flag("a", rollout=5.0, version=2), flag("e")))))
    assert after.changed_since(before) == ("a", "b", "c", "e")
    assert after.changed_since(after) == ()
    assert after.position == 4
    assert after.ruleset.flags["d"] is before.ruleset.flags["d"]


def test_a_flag_that_can_not_be_compiled_takes_no_other_with_it() -> None:
    a, b = (
        flag("a", prerequisites=(Prerequisite("b", ("on",)),)),
        flag("b", prerequisites=(Prerequisite("a", ("on",)),)),
    )
    snapshot = Snapshot(Ruleset({"a": a, "b": b, "c": flag("c")}))
    broken = snapshot.evaluate("a", {"id": "u1"}, "mine")
    assert (broken.value, snapshot.error_code(broken)) == ("mine", "PARSE_ERROR")
    assert "requires itself" in str(broken.error)
    assert snapshot.evaluate("c", {"id": "u1"}).value is True


def test_what_went_wrong_has_openfeatures_words() -> None:
    snapshot = Snapshot(Ruleset({"a": flag("a")}))
    contexts: Mapping[str, Mapping[str, object]] = {"TARGETING_KEY_MISSING": {}, "INVALID_CONTEXT": {"id": 1.5}}
    for code, context in contexts.items():
        assert snapshot.error_code(snapshot.evaluate("a", context)) == code
    assert snapshot.error_code(snapshot.evaluate("b", {"id": "u1"})) == "FLAG_NOT_FOUND"
    assert snapshot.error_code(snapshot.evaluate("a", {"id": "u1"})) is None
    nothing = Snapshot(Ruleset(), ready=False)
    assert nothing.error_code(nothing.evaluate("a", {"id": "u1"})) == "PROVIDER_NOT_READY"
