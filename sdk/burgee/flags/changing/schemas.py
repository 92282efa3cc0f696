"""JSON Schemas of flags: what values a flag's variants may have.

Who may change flags gives schemas to a server that others share, so a schema can't keep it busy: patterns are searched
for by RE2 (`patterns`), and the steps of a validation are counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json, dumps, loads
from burgee.flags.changing import patterns
from burgee.flags.model import Variant

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_LONGEST = 100_000  # characters
_MOST_STEPS = 20_000  # keywords looked at for the values of a flag

type Keyword = Callable[[Any, Any, Any, Any], "Iterator[ValidationError] | None"]


def check_schema(schema: object, variants: Sequence[Variant[Json]]) -> Json:
    """The schema as it will be stored, if it is a JSON Schema and all values meet it; none where none is given.

    The draft is the one it names as `$schema`, else 2020-12. Nothing is fetched that it refers to.

    Raises:
        InvalidInputError: it is no schema, or a value does not meet it; says which and where.
    """
    if schema is None or schema in ({}, True):
        return None
    text = dumps(schema, what="schema", sort=False)
    if len(text) > _LONGEST:
        raise InvalidInputError(f"a schema has at most {_LONGEST:,} characters, not {len(text):,}")
    plain = loads(text)
    if not isinstance(plain, dict | bool):
        raise InvalidInputError(f"a schema is an object of JSON Schema, not {schema!r:.200}")
    try:
        _refuse_patterns_of_names(plain)
        _validate(plain, variants)
    except RecursionError:
        raise InvalidInputError("the schema refers to itself without an end, or is too deep") from None
    return plain


def _validate(schema: dict[str, Json] | bool, variants: Sequence[Variant[Json]]) -> None:
    from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
    from jsonschema.validators import Draft202012Validator, extend, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema, default=Draft202012Validator)
    name = ""
    try:
        kind.check_schema(schema)
        validator = extend(kind, _counted({**kind.VALIDATORS, "pattern": _pattern}))(schema, registry=Registry())
        for variant in variants:
            name = variant.name
            validator.validate(variant.value)
    except SchemaError as error:
        raise InvalidInputError(f"that is no JSON Schema: at {error.json_path}, {error.message:.500}") from None
    except UnknownType as error:
        raise InvalidInputError(f"that is no JSON Schema: there is no type {error.type!r}") from None
    except ValidationError as error:
        raise InvalidInputError(
            f"the value of variant {name!r} does not meet the schema: at {error.json_path}, {error.message:.500}"
        ) from None
    except Unresolvable as error:
        raise InvalidInputError(
            f"the schema refers to {error.ref!r}, which is not in it", hint="put what it refers to under $defs"
        ) from None


def _counted(keywords: Mapping[str, Keyword]) -> dict[str, Keyword]:
    """The keywords' checks, which come to an end."""
    steps = 0

    def counted(check: Keyword) -> Keyword:
        def checked(
            validator: object, wanted: object, seen: object, schema: object
        ) -> "Iterator[ValidationError] | None":
            nonlocal steps
            steps += 1
            if steps > _MOST_STEPS:
                raise InvalidInputError(f"the schema takes more than {_MOST_STEPS:,} steps to check the flag's values")
            return check(validator, wanted, seen, schema)

        return checked

    return {name: counted(check) for name, check in keywords.items()}


def _pattern(_validator: object, wanted: str, seen: object, _schema: object) -> "Iterator[ValidationError]":
    from jsonschema.exceptions import ValidationError

    if isinstance(seen, str) and not patterns.search(patterns.check(wanted))(seen):
        yield ValidationError(f"{seen!r:.100} does not match {wanted!r}")


def _refuse_patterns_of_names(schema: object) -> None:
    """Patterns of property names are searched for by Python's engine, which a pattern can keep busy for good."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("patternProperties"), Mapping):
            raise InvalidInputError("a flag's schema can't use patternProperties", hint="say it with propertyNames")
        for part in schema.values():
            _refuse_patterns_of_names(part)
    elif isinstance(schema, list):
        for part in schema:
            _refuse_patterns_of_names(part)
