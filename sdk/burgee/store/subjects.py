"""Personal fields: sealed on their way into the log, opened on their way out.

A field that a rule calls personal is stored as `{"$personal":[subject, generation, text]}`. The text is the field's
JSON, encrypted with the subject's key (AES-256-SIV, RFC 5297) for this tenant, event and field: the same value
is another text everywhere else, and none can be moved elsewhere. To forget a subject is to destroy its
key. The log's bytes stay as they are, and what they say of the subject is gone; it reads as null.

`seal` is the one way in (`log.store` calls it), `opened_texts` the one way out. Both cost rows without a
personal field one search in their text. Types, streams, times and metadata are never encrypted.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, or_, select

from burgee.core.errors import InvalidInputError, WorkspaceError
from burgee.core.json import Json, dumps, loads
from burgee.store.protection import STREAM, Protection, protection
from burgee.store.record import OWN, RawEvent
from burgee.store.schema import events
from burgee.store.subjectkeys import Key, Namer, opening_ciphers, sealing_ciphers

if TYPE_CHECKING:
    import pyarrow as pa
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV


_MARK = "$personal"
_IN_TEXT = f'"{_MARK}":'  # in JSON as burgee writes it, only a key looks like this; in a text its quotes are escaped


def epoch(connection: Connection, tenant: str) -> int:
    """A number that changes whenever somebody is forgotten: what was derived before then must be made anew."""
    return protection(connection, tenant).epoch


def seal(
    connection: Connection, tenant: str, rows: Sequence[RawEvent], now: int, rules: Protection | None = None
) -> Sequence[RawEvent]:
    """The rows as they are stored: personal fields encrypted, with a new key for a subject that has none.

    `rules` are the tenant's, where the caller has read them already.

    Raises:
        InvalidInputError: a row has personal fields but does not say whose, or a field that looks encrypted.
    """
    for row in rows:
        if _IN_TEXT in row.data and _fields(_object(row.data)):
            msg = f"an event's field can't be {{{_MARK!r}: [subject, generation, text]}}: encrypted fields are kept so"
            raise InvalidInputError(msg)
    if rules is None:
        rules = protection(connection, tenant)
    if not rules.rules:
        return rows
    by_type = {type: rules.fields(type) for type in {row.type for row in rows if not row.stream.startswith(OWN)}}
    plans = {
        place: plan
        for place, row in enumerate(rows)
        if (fields := by_type.get(row.type)) and (plan := _plan(row, fields))
    }
    if not plans:
        return rows
    namer = Namer(connection, tenant, now)
    names = {
        place: {name: namer.stored(subject, known=known) for name, (subject, known) in plan.items()}
        for place, plan in plans.items()
    }
    keys, ciphers = sealing_ciphers(
        connection, tenant, {name for plan in names.values() for name in plan.values()}, now
    )
    sealed = list(rows)
    for place, fields in names.items():
        row, data = rows[place], _object(rows[place].data)
        for name, subject in fields.items():
            key = keys[subject]
            text = ciphers[key].encrypt(dumps(data[name]).encode(), _place(tenant, row.id, name))
            data[name] = {_MARK: [key.subject, key.generation, base64.b64encode(text).decode()]}
        sealed[place] = row._replace(data=dumps(data))
    return sealed


def opened_texts(
    connection: Connection,
    tenant: str,
    ids: Sequence[str],
    texts: Sequence[str],
    like: Mapping[str, str] | None = None,
) -> Sequence[str]:
    """The data of events as it was given: what is encrypted is plain again, what is forgotten is null.

    `like` gives, by event id, the data it is about to be compared with. What is forgotten can't be compared, so it
    is taken from there: the same event again is known as the same, and nothing comes back by it.
    """
    places = [place for place, text in enumerate(texts) if _IN_TEXT in text]
    if not places:
        return texts
    marked = [(place, data, fields) for place in places if (fields := _fields(data := _object(texts[place])))]
    ciphers = opening_ciphers(connection, tenant, {key for _, _, fields in marked for key, _ in fields.values()})
    opened = list(texts)
    for place, data, fields in marked:
        id = ids[place]
        given = _object(like[id]) if like is not None and id in like else None
        for name, (key, text) in fields.items():
            if key not in ciphers:  # looks like ours, and is not: stored before burgee knew personal fields
                continue
            if (cipher := ciphers[key]) is not None:
                data[name] = _decrypted(cipher, text, _place(tenant, id, name))
            elif given is None or name in given:
                data[name] = None if given is None else given[name]
            else:
                del data[name]
        opened[place] = dumps(data)
    return opened


def opened[T: (pa.RecordBatch, pa.Table)](connection: Connection, tenant: str, raw: T) -> T:
    """Raw events with their personal fields opened; `raw` has the columns `id` and `data`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    data = raw.column("data")
    marked = pc.match_substring(data, _IN_TEXT)
    if not pc.any(marked).as_py():
        return raw
    some = raw.filter(marked)
    texts = opened_texts(connection, tenant, some.column("id").to_pylist(), some.column("data").to_pylist())
    if isinstance(data, pa.ChunkedArray):
        data = data.combine_chunks()
        marked = marked.combine_chunks()
    column = pc.replace_with_mask(data, marked, pa.array(texts, data.type))
    place = raw.schema.get_field_index("data")
    columns = [column if number == place else raw.column(number) for number in range(raw.num_columns)]
    return type(raw).from_arrays(columns, schema=raw.schema)


def events_of(
    connection: Connection, tenant: str, keys: Sequence[Key], *, after: int = 0, upto: int | None = None
) -> int:
    """How many events have fields that only these keys open, of those with `after < position <= upto`."""
    if not keys:
        return 0
    within = func.instr if connection.dialect.name == "sqlite" else func.strpos
    needles = [f'{_IN_TEXT}[{dumps(key.subject)},{key.generation},"' for key in keys]
    query = select(func.count()).where(events.c.tenant == tenant, events.c.position > after)
    if upto is not None:
        query = query.where(events.c.position <= upto)
    return connection.scalar(query.where(or_(*(within(events.c.data, needle) > 0 for needle in needles)))) or 0


def is_personal(connection: Connection, tenant: str, stream: str) -> bool:
    """Whether a stream has events with personal fields."""
    within = func.instr if connection.dialect.name == "sqlite" else func.strpos
    of_stream = (events.c.tenant == tenant, events.c.stream == stream)
    query = select(events.c.position).where(*of_stream, within(events.c.data, _IN_TEXT) > 0).limit(1)
    return connection.scalar(query) is not None


def _plan(row: RawEvent, fields: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
    """Of each field to encrypt, whose it is and whether that stands in the event for all to read."""
    data = _object(row.data)
    there = {name: source for name, source in fields.items() if data.get(name) is not None}
    return {
        name: (_subject(row, data, source), source == STREAM or source not in there) for name, source in there.items()
    }


def _subject(row: RawEvent, data: Mapping[str, Json], source: str) -> str:
    value = row.stream if source == STREAM else data.get(source)
    if isinstance(value, float) and value.is_integer():  # as pandas makes them of whole numbers
        value = int(value)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        found = "is missing" if value is None else "is no text and no whole number"
        hint = f"{source!r} names the person, by a rule for events of type {row.type!r}: acme.privacy.rules().frame()"
        raise InvalidInputError(
            f"an event with personal fields does not say whose they are: {source!r} {found}", hint=hint
        )
    return str(value)


def _decrypted(cipher: "AESSIV", text: str, place: list[bytes]) -> Json:
    from cryptography.exceptions import InvalidTag

    try:
        return loads(cipher.decrypt(base64.b64decode(text), place))
    except (InvalidTag, ValueError):
        event, name = place[1].decode(), place[2].decode()
        hint = "the log or its keys were changed from outside burgee"
        raise WorkspaceError(f"field {name!r} of event {event!r} can't be decrypted", hint=hint) from None


def _fields(data: Mapping[str, Json]) -> dict[str, tuple[Key, str]]:
    """The encrypted fields of a payload."""
    return {name: found for name, value in data.items() if isinstance(value, dict) and (found := _key(value))}


def _key(value: Mapping[str, Json]) -> tuple[Key, str] | None:
    """The key that an encrypted field names, and its text; none for any other value."""
    if len(value) != 1:
        return None
    match value.get(_MARK):
        case [str(subject), int(generation), str(text)]:
            return Key(subject, generation), text
    return None


def _place(tenant: str, id: str, name: str) -> list[bytes]:
    """What a text is encrypted for."""
    return [tenant.encode(), id.encode(), name.encode()]


def _object(text: str) -> dict[str, Json]:
    value = loads(text)
    return value if isinstance(value, dict) else {}
