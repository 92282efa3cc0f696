"""Definitions of flagd's, read: what they serve here is what they serve there, or it is said why not."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import burgee
from burgee.core.json import Json
from burgee.flags.changing.changes import applied, created
from burgee.flags.evaluation.compiled import CompiledFlag, compile_flag
from burgee.flags.flagd.importing import read_flagd
from burgee.flags.model import Evaluation
from burgee.workspace import Tenant
from flags.jsonlogic import flagd_serves

VARIANTS: dict[str, Json] = {"a": "A", "b": "B", "c": "C", "true": "T", "false": "F"}
BALLMER: Any = {"==": ["ballmer@macrosoft.com", {"var": ["email"]}]}


def definition(targeting: Any, **more: Json) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "c", "targeting": targeting, **more}


def flag_of(flag: Mapping[str, Json], key: str = "f", now: int = 0, **more: Any) -> CompiledFlag:
    [read] = read_flagd({"flags": {key: flag}}, **more)
    assert read.refused is None
    assert read.spec is not None
    return compile_flag(applied(None, created(key, read.spec).data), now=datetime.fromtimestamp(now, UTC))


def asked(flag: CompiledFlag, context: Mapping[str, Json]) -> Evaluation[Json]:
    return flag.evaluate({"id" if name == "targetingKey" else name: value for name, value in context.items()})


def refusal(flag: Any, key: str = "f", shared: Any = None) -> str:
    [read] = read_flagd({"flags": {key: flag}, "$evaluators": shared})
    assert read.spec is None
    return str(read.refused)


# What flagd-testbed says of these trees: evaluator/gherkin/string.feature, semver.feature, targeting.feature,
# fractional.feature (v2), with evaluator/flags/testkit-flags.json. Names are shortened.
@pytest.mark.parametrize(
    ("targeting", "attribute", "expected"),
    [
        ({"if": [{"starts_with": [{"var": "code"}, "abc"]}, "a",
                 {"if": [{"ends_with": [{"var": "code"}, "xyz"]}, "b", "c"]}]},
         "code", {"abcdef": "a", "uvwxyz": "b", "abcxyz": "a", "lmnopq": "c"}),
        ({"if": [{"sem_ver": [{"var": "version"}, "=", "2.0.0"]}, "a",
                 {"if": [{"sem_ver": [{"var": "version"}, ">", "2.0.0"]}, "b",
                         {"if": [{"sem_ver": [{"var": "version"}, "<", "2.0.0"]}, "true", "c"]}]}]},
         "version", {"2.0.0": "a", "2.1.0": "b", "1.9.0": "true", "2.0.0-alpha": "true", "2.0.0.0": "c"}),
        ({"if": [{"sem_ver": [{"var": "version"}, "~", "3.0.0"]}, "a",
                 {"if": [{"sem_ver": [{"var": "version"}, "^", "3.0.0"]}, "b", "c"]}]},
         "version", {"3.0.1": "a", "3.1.0": "b", "4.0.0": "c"}),
        ({"if": [{"sem_ver": [{"var": "version"}, "^", "1"]}, "a", "b"]},
         "version", {"1.5.0": "a", "1.0.0": "a", "2.0.0": "b"}),
        ({"if": [{"sem_ver": [{"var": "version"}, "=", "v1.0.0"]}, "a", "b"]}, "version", {"1.0.0": "a", "2.0.0": "b"}),
        ({"if": [{"sem_ver": [{"var": "version"}, "=", "1.0.0+build"]}, "a", "b"]},
         "version", {"1.0.0": "a", "1.0.0+other": "a", "2.0.0": "b"}),
        ({"if": [{"==": [{"var": "targetingKey"}, "5c3d8535-f81a-4478-a6d3-afaa4d51199e"]}, "a", None]},
         "targetingKey", {"5c3d8535-f81a-4478-a6d3-afaa4d51199e": "a", "f20bd32d-703b-48b6-bc8e-79d53c85134a": "c"}),
        ({"if": [BALLMER, "a", "b"]}, "email", {"ballmer@macrosoft.com": "a", "jobs@orange.com": "b"}),
    ],
)  # fmt: skip
def test_the_answers_of_flagds_testbed_are_given(targeting: Any, attribute: str, expected: dict[str, str]) -> None:
    flag = flag_of(definition(targeting))
    assert {value: asked(flag, {attribute: value}).variant for value in expected} == expected


@pytest.mark.parametrize(("key", "tier", "expected"), [
    ("jon@company.com", "premium", "a"), ("jon@company.com", "basic", "b"), ("user1", "premium", "b"),
])  # fmt: skip
def test_a_choice_among_shares_is_made_first(key: str, tier: str, expected: str) -> None:
    choice: Any = {"if": [{"==": [{"var": "tier"}, "premium"]}, "a", "b"]}
    flag = flag_of(definition({"fractional": [{"var": "targetingKey"}, [choice, 50], ["b", 50]]}))
    assert asked(flag, {"targetingKey": key, "tier": tier}).variant == expected


def test_a_choice_of_a_weight_is_made_first() -> None:
    weight: Any = {"if": [{"==": [{"var": "tier"}, "premium"]}, 100, 0]}
    flag = flag_of(definition({"fractional": [{"var": "targetingKey"}, ["a", weight], ["b", 10]]}))
    for key in ("jon@company.com", "user1"):
        assert asked(flag, {"targetingKey": key, "tier": "premium"}).variant == "a"
        assert asked(flag, {"targetingKey": key, "tier": "basic"}).variant == "b"


def test_a_flag_without_targeting_needs_no_targeting_key() -> None:
    nothing: list[Any] = [None, {}]
    for targeting in nothing:
        answer = flag_of(definition(targeting)).evaluate({})
        assert (answer.value, answer.rule, answer.error) == ("C", "otherwise", None)


def test_a_disabled_flag_serves_its_default_and_that_is_noted() -> None:
    [read] = read_flagd({"flags": {"f": definition({"if": [True, "a"]}, state="DISABLED")}})
    assert flag_of(definition({"if": [True, "a"]}, state="DISABLED")).evaluate({}).variant == "c"
    assert read.notes == ("while it is off, flagd leaves the answer to the caller; here 'c' is served",)


def test_a_flag_without_default_is_read_where_it_serves_none() -> None:
    total = {**definition({"if": [BALLMER, "a", "b"]}), "defaultVariant": None}
    assert asked(flag_of(total), {"email": "x"}).variant == "b"
    partial: list[Any] = [{"if": [BALLMER, "a"]}, {"if": [BALLMER, "a", None]}, {"fractional": [["a"], ["b"]]}, None]
    for targeting in partial:
        assert "give it a defaultVariant" in refusal({**definition(targeting), "defaultVariant": None})


def test_the_time_is_a_schedule_of_rules() -> None:
    now = {"var": "$flagd.timestamp"}
    flag = definition({"if": [{"and": [{">=": [now, 100]}, {">": [200, now]}]}, "a", {"<=": [now, 300]}, "b"]})
    assert [flag_of(flag, now=now).evaluate({}).variant for now in (99, 100, 199, 200, 300, 301)] == list("baabbc")


def test_shared_evaluators_stand_where_they_are_referred_to() -> None:
    shared: dict[str, Any] = {"is_ballmer": BALLMER, "nobody": {"!": [{"$ref": "is_ballmer"}]}}
    [read] = read_flagd({"flags": {"f": definition({"if": [{"$ref": "nobody"}, "a", "b"]})}, "$evaluators": shared})
    assert read.spec is not None
    flag = compile_flag(applied(None, created("f", read.spec).data))
    assert [flag.evaluate({"email": email}).variant for email in ("ballmer@macrosoft.com", "x")] == ["b", "a"]


def test_attributes_are_given_other_names() -> None:
    flag = definition({"if": [{"==": [{"var": "user.email"}, "x"]}, "a", {"==": [{"var": "id"}, "y"]}, "b"]})
    compiled = flag_of(flag, attributes={"user.email": "email", "id": "user_id"})
    assert [compiled.evaluate(one).variant for one in ({"email": "x"}, {"user_id": "y"}, {"id": "y"})] == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize(
    ("targeting", "why"),
    [
        ({"if": [{"==": [{"var": "user.email"}, "x"]}, "a"]}, "attributes={'user.email': 'user_email'}"),
        ({"if": [{"==": [{"var": "id"}, "x"]}, "a"]}, "attributes={'id': 'user_id'}"),
        ({"if": [{"==": [{"var": ""}, "x"]}, "a"]}, "contexts are flat"),
        ({"if": [{"==": [{"var": 1}, "x"]}, "a"]}, "which is no name"),
        ({"if": [{"==": [{"var": "x"}, {"var": "y"}]}, "a"]}, "compares the attributes 'x' and 'y'"),
        ({"if": [{"<": [{"var": "x"}, "18"]}, "a"]}, "write the number without quotes"),
        ({"if": [{"<": [{"var": "x"}, True]}, "a"]}, "compares 'x' with True by '<'"),
        ({"if": [{"==": [{"var": "x"}, "0x10"]}, "a"]}, "which some take for a number"),
        ({"if": [{"==": [{"var": "x"}, ["a"]]}, "a"]}, "neither text nor a number"),
        ({"if": [{"==": [{"var": "x"}]}, "a"]}, "'==' is given 1 values"),
        ({"if": [{"in": [{"var": "x"}, "springfield"]}, "a"]}, "name the texts meant in a list"),
        ({"if": [{"in": [5, {"var": "x"}]}, "a"]}, "attributes hold no lists here"),
        ({"if": [{"in": [{"var": "x"}, [[1, 2]]]}, "a"]}, "neither text nor a number"),
        ({"if": [{"+": [1, 2]}, "a"]}, "asks by '+'"),
        ({"if": [{"missing": ["x"]}, "a"]}, "asks by 'missing'"),
        ({"if": [{"fractional": [[True, 1], [False, 1]]}, "a"]}, "asks by 'fractional'"),
        ({"if": [{"sem_ver": [{"var": "x"}, "===", "1.0.0"]}, "a"]}, "compares by '==='"),
        ({"if": [{"sem_ver": [{"var": "x"}, "=", "1.0.0.0"]}, "a"]}, "no semantic version"),
        ({"if": [{"sem_ver": [{"var": "x"}, "="]}, "a"]}, "'sem_ver' is given 2 values"),
        ({"if": [{"starts_with": ["abc"]}, "a"]}, "'starts_with' is given 1 values"),
        ({"if": [{"starts_with": [{"var": "x"}, 5]}, "a"]}, "something else than an attribute and a text"),
        ({"if": [{"or": [{">": [{"var": "$flagd.timestamp"}, 5]}]}, "a"]}, "asks for the time where no schedule can"),
        ({"if": [{">": [{"var": "$flagd.timestamp"}, 5.5]}, "a"]}, "whole number of seconds"),
        ({"if": [{"<": [1, {"var": "$flagd.timestamp"}, 5]}, "a"]}, "the time with more than one other"),
        ({"if": [True, "z"]}, "serves 'z', which is no variant"),
        ({"if": [True, 1]}, "serves 1, which is no variant"),
        ({"var": "x"}, "serves what the attribute 'x' says"),
        ({"starts_with": [{"var": "x"}, "a"]}, "serves what 'starts_with' makes"),
        ({"if": [{"$ref": "gone"}, "a"]}, "refers to the evaluator 'gone'; the evaluators are: 'loop'"),
        ({"if": [{"$ref": "loop"}, "a"]}, "refers to itself: loop -> loop"),
        ({"if": [{"==": [1, 1], "!=": [1, 1]}, "a"]}, "an operation has one name, not 2"),
        ({"fractional": [["a", 1]]}, "flagd needs two at least"),
        ({"fractional": [["a", 0], ["b", 0]]}, "gives nothing a weight"),
        ({"fractional": [["a", -50], ["b", 100]]}, "gives 'a' the weight -50"),
        ({"fractional": [["a", 0.5], ["b", 1]]}, "weights are whole numbers"),
        ({"fractional": [["a", True], ["b", 1]]}, "weights are whole numbers"),
        ({"fractional": [["a", 1], ["b", 2**40]]}, "weights are 0 to 2,147,483,647"),
        ({"fractional": [["a", 1], ["b", 2**30]]}, "weights that sum to 1,073,741,825"),
        ({"fractional": [["a", 1], ["b", 1], ["a", 1]]}, "names 'a' twice"),
        ({"fractional": [["a", 1], "b"]}, "has the bucket 'b'"),
        ({"fractional": [{"cat": [{"var": "x"}, "seed"]}, ["a"], ["b"]]}, "one attribute behind them"),
        ({"fractional": [{"cat": [" seed", {"var": "x"}]}, ["a"], ["b"]]}, "cuts blanks off"),
        ({"fractional": [{"substr": [{"var": "x"}, 1]}, ["a"], ["b"]]}, "goes by"),
        ([1], "serves [1], which is no variant"),
        (5, "serves 5, which is no variant"),
    ],
)  # fmt: skip
def test_what_has_no_words_here_is_refused_with_the_reason(targeting: Json, why: str) -> None:
    loop: Any = {"loop": {"!": [{"$ref": "loop"}]}}
    assert why in refusal(definition(targeting), shared=loop)


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (None, "it is None, not an object"),
        ({"variants": {}}, "its variants are {}"),
        ({"variants": ["on"]}, "its variants are ['on']"),
        ({"variants": {"on": True}, "defaultVariant": "off"}, "default variant 'off' is none of 'on'"),
        ({"variants": {"on": True}, "defaultVariant": "on", "state": "enabled"}, "its state is 'enabled'"),
        ({"variants": {"on": True}, "defaultVariant": "on", "metadata": "x"}, "its metadata are 'x'"),
        ({"variants": {"\n": True}, "defaultVariant": "\n"}, "printable characters"),
    ],
)
def test_a_flag_that_is_none_is_refused_with_the_reason(flag: Json, why: str) -> None:
    assert why in refusal(flag)


def test_a_key_that_no_flag_has_here_is_refused() -> None:
    assert "can't be a flag's key" in refusal(definition(None), "new checkout")


def test_a_tree_that_lies_too_deep_is_refused() -> None:
    tree: Any = {"==": [{"var": "x"}, 1]}
    for _ in range(300):
        tree = {"!": [{"or": [tree, {"==": [{"var": "y"}, 1]}]}]}
    assert "deep" in refusal(definition({"if": [tree, "a"]}))


def test_what_is_not_quite_the_same_is_noted() -> None:
    targeting: Any = {"if": [{"and": [{"<": [{"var": "age"}, 18]}, {"starts_with": [{"var": "code"}, "x"]}]}, "a"]}
    [read] = read_flagd({"flags": {"f": definition(targeting, metadata={"description": "why", "owner": "us"})}})
    assert read.spec is not None
    assert read.spec.description == "why"
    assert [note.partition(";")[0].partition(":")[0] for note in read.notes] == [
        "'age' has to be a number",
        "'starts_with' within 'and'",
        "its metadata 'owner' are not kept",
    ]


@pytest.mark.parametrize("source", [None, 5, [], "[]", "{}", {"flags": 5}, {"flags": [{"state": "ENABLED"}]}])
def test_what_is_no_definition_is_refused(source: Any) -> None:
    with pytest.raises(burgee.InvalidInputError):
        read_flagd(source)


@pytest.mark.parametrize("attributes", [5, {"a": 5}, {5: "a"}, {"a": ""}])
def test_names_that_are_none_are_refused(attributes: Any) -> None:
    with pytest.raises(burgee.InvalidInputError):
        read_flagd({"flags": {}}, attributes)


def test_a_definition_is_a_file_or_its_text_too(tmp_path: Path) -> None:
    flags = {"flags": [{"key": "zwölf", **definition(None)}, {"key": "f", **definition(None)}]}
    text = json.dumps(flags)
    file = tmp_path / "flags.json"
    file.write_text(text, "utf-8")
    keys = [[one.key for one in read_flagd(source)] for source in (flags, text, str(file), file)]
    assert keys == [["zwölf", "f"]] * 4

    file.write_text("{", "utf-8")
    for wrong in (file, tmp_path / "none.json", "{"):
        with pytest.raises(burgee.UnreadableFileError):
            read_flagd(wrong)


ATTRIBUTES: dict[str, list[Json]] = {
    "country": ["DE", "FR", "18", "", "1", "true", "DEX", "aDE", " x", "0"],
    "age": [0, 1, 18, -3, 2.5],
    "beta": [True, False],
    "version": ["1.4.0", "2.0.0-rc.1", "2.0.0", "1.4.9"],
    "targetingKey": ["u1", "u2", "zoë"],
}
names = st.sampled_from(list(ATTRIBUTES))
seconds = st.sampled_from([100, 200, 300])
contexts = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in ATTRIBUTES.items()})


def compared(name: str) -> st.SearchStrategy[Any]:
    var = {"var": name}
    value = st.sampled_from([*ATTRIBUTES[name], None])
    equality = st.tuples(st.sampled_from(["==", "!=", "===", "!=="]), value).map(lambda one: {one[0]: [var, one[1]]})
    turned = st.tuples(st.sampled_from(["==", "!="]), value).map(lambda one: {one[0]: [one[1], var]})
    among = st.lists(value, max_size=3).map(lambda values: {"in": [var, values]})
    return st.one_of(equality, turned, among, st.just(var))


ordered = st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(ATTRIBUTES["age"])).flatmap(
    lambda one: st.sampled_from(
        [{one[0]: [{"var": "age"}, one[1]]}, {one[0]: [one[1], {"var": "age"}]}, {one[0]: [0, {"var": "age"}, one[1]]}]
    )
)
texts = st.tuples(st.sampled_from(["starts_with", "ends_with"]), st.sampled_from(["D", "E", ""])).map(
    lambda one: {one[0]: [{"var": "country"}, one[1]]}
)
contained = st.sampled_from(["D", "", "E"]).map(lambda part: {"in": [part, {"var": "country"}]})
versions = st.tuples(
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^", "~"]), st.sampled_from(["1.4.0", "2", "v2.0.0-rc.1"])
).map(lambda one: {"sem_ver": [{"var": "version"}, *one]})
conditions = st.recursive(
    st.one_of(
        names.flatmap(compared), ordered, texts, contained, versions, st.sampled_from([True, False, None, "x", 0])
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda one: {one[0]: one[1]}
        ),
        inner.map(lambda one: {"!": [one]}),
        st.lists(inner, min_size=2, max_size=3).map(lambda one: {"if": one}),
    ),
    max_leaves=5,
)
timed = st.tuples(st.sampled_from(["<", "<=", ">", ">="]), seconds, conditions).map(
    lambda one: {"and": [{one[0]: [{"var": "$flagd.timestamp"}, one[1]]}, one[2]]}
)
by = st.sampled_from(
    [
        *([], [None], ["text"]),
        *([{"var": name}] for name in ("country", "targetingKey", "age")),
        *(
            [{"cat": parts}]
            for parts in (["seed", {"var": "country"}], [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}])
        ),
    ]
)


def bucketed(by: list[Any], variants: list[str | None], weights: list[int]) -> Json:
    return {"fractional": [*by, *([name, weight] for name, weight in zip(variants, weights, strict=False))]}


shares = st.builds(
    bucketed,
    by,
    st.permutations(["a", "b", None]),
    st.lists(st.integers(0, 1000), min_size=2, max_size=3).filter(any),
)
trees = st.recursive(
    st.one_of(st.sampled_from(["a", "b", "c", None]), shares, contained),
    lambda inner: st.lists(st.tuples(st.one_of(conditions, timed), inner), min_size=1, max_size=3).flatmap(
        lambda pairs: st.one_of(st.just([]), inner.map(lambda one: [one])).map(
            lambda rest: {"if": [*(part for pair in pairs for part in pair), *rest]}
        )
    ),
    max_leaves=6,
)


@given(tree=trees, asks=st.lists(st.tuples(contexts, st.sampled_from([0, 100, 150, 200, 201, 300, 301])), min_size=5))
def test_what_is_read_serves_what_flagd_serves(tree: Json, asks: list[tuple[dict[str, Json], int]]) -> None:
    flag = definition(tree)
    [read] = read_flagd({"flags": {"f": flag}})
    assert read.refused is None
    assert read.spec is not None
    state = applied(None, created("f", read.spec).data)
    for context, now in asks:
        compiled = compile_flag(state, now=datetime.fromtimestamp(now, UTC))
        assert asked(compiled, context).variant == flagd_serves("f", flag, context, now)


def test_flags_of_a_definition_are_made(acme: Tenant) -> None:
    source: dict[str, Any] = {
        "flags": {
            "banner": definition({"if": [BALLMER, {"fractional": [["a", 1], ["b", 3]]}]}),
            "said": definition({"var": "x"}),
        }
    }
    made = acme.flags.import_flagd(source, why="moved")

    assert made.made == ["banner"]
    assert list(made.refused) == ["said"]
    assert made.frame()["done"].tolist() == ["made", "refused"]
    flag = acme.flags["banner"]
    for id in ("u1", "u2", "u3"):
        context = {"targetingKey": id, "email": "ballmer@macrosoft.com"}
        assert flag.evaluate({"id": id, "email": "ballmer@macrosoft.com"}).variant == flagd_serves(
            "banner", source["flags"]["banner"], context
        )
    assert [change.why for change in flag.history()] == ["moved"]

    with pytest.raises(burgee.AlreadyExistsError):
        acme.flags.import_flagd(source)
    again = acme.flags.import_flagd(source, exist_ok=True)
    assert again.frame()["done"].tolist() == ["there already", "refused"]
    assert acme.flags["banner"].version == 1
