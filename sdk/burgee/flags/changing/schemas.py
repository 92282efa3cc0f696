"""JSON Schemas of flags: what values a flag's variants may have."""

from collections.abc import Sequence

from burgee.core.errors import InvalidInputError
from burgee.core.json import Json, dumps, loads
from burgee.flags.model import Variant

_LONGEST = 100_000  # characters


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
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(plain, default=Draft202012Validator)
    name = ""
    try:
        kind.check_schema(plain)
        validator = kind(plain, registry=Registry())
        for variant in variants:
            name = variant.name
            validator.validate(variant.value)
    except SchemaError as error:
        raise InvalidInputError(f"that is no JSON Schema: at {error.json_path}, {error.message:.500}") from None
    except ValidationError as error:
        raise InvalidInputError(
            f"the value of variant {name!r} does not meet the schema: at {error.json_path}, {error.message:.500}"
        ) from None
    except Unresolvable as error:
        raise InvalidInputError(
            f"the schema refers to {error.ref!r}, which is not in it", hint="put what it refers to under $defs"
        ) from None
    except RecursionError:
        raise InvalidInputError("the schema refers to itself without an end") from None
    return plain
