"""The fluent object of a tenant's personal data: `acme.privacy`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import override

from burgee.core.checks import need_text, need_texts
from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError
from burgee.core.history import History
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.privacy.model import STREAM, Forgotten, PersonalField, PrivacyChange, Protection, Rule, Subject, check_rule
from burgee.privacy.protocol import PrivacyService


class RuleList(Listing[PersonalField]):
    """Which fields are personal. Frame: `type, field, subject`."""

    __slots__ = ()
    columns = ("type", "field", "subject")
    dtypes = typed(text="type field subject")

    @override
    def __iter__(self) -> Iterator[PersonalField]:
        return super().__iter__()

    @override
    def _row(self, item: PersonalField) -> Mapping[str, object]:
        return asdict(item)


class SubjectList(Listing[Subject]):
    """Of whom there is personal data, or was. Frame: `subject, generation, since, forgotten, forgotten_at`."""

    __slots__ = ()
    columns = ("subject", "generation", "since", "forgotten", "forgotten_at")
    dtypes = typed(text="subject", whole="generation", yes_no="forgotten", moment="since forgotten_at")

    @override
    def __iter__(self) -> Iterator[Subject]:
        return super().__iter__()

    @override
    def _row(self, item: Subject) -> Mapping[str, object]:
        return asdict(item)


class PrivacyHistory(History[Protection]):
    """What was done about personal data. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[PrivacyChange]:
        return super().__iter__()


class Privacy(Shown):
    """Personal data in a tenant's events: `acme.privacy`.

    Fields that a rule calls personal are encrypted with a key of the person before they reach the log, and plain again
    wherever they are read. `forget` destroys the key. What is not encrypted: event types, streams, times, ids
    and **metadata**; keep personal data out of those.
    """

    __slots__ = ("_link", "_service")

    def __init__(self, link: Link, service: PrivacyService) -> None:
        self._link = link
        self._service = service

    def protect(
        self,
        type: "str | type[object]",
        fields: "Sequence[str] | Mapping[str, str] | type[object]" = (),
        *,
        subject: str | None = None,
        why: str | None = None,
    ) -> RuleList:
        """Say which payload fields of an event type are personal, and whose; gives all the rules there are then.

        A rule holds for events that are stored after it; those stored before stay as they are. Said again for a type,
        it takes the place of the earlier rule. Neither that nor `unprotect` makes anything unreadable.

        Args:
            type: an event type, or a prefix like `order.*`; or an event class whose fields are marked with
                `burgee.Personal` and `burgee.Subject`.
            fields: the personal fields, whole fields of the payload. A dict says of each field what names its person,
                where they differ: `{"email": "customer", "address": "recipient"}`.
            subject: the payload field whose value names the person, or `stream`: the name of the stream does.
            why: for the history.

        An event that has personal fields but does not say whose is refused from then on.
        """
        if not isinstance(type, str):
            from burgee.privacy.marks import marked_type

            if fields:
                raise InvalidInputError("an event class marks its personal fields itself", hint="leave `fields` out")
            name, fields = marked_type(type), type
        else:
            name = type
        rule = check_rule(name, _fields(fields, subject))
        self._link.call(self._service.protect(rule.type, rule.fields, why))
        return self.rules()

    def unprotect(self, type: str, *, why: str | None = None) -> RuleList:
        """Take a rule back, for events stored from now on; gives the rules that are left."""
        need_text("an event type", type)
        self._link.call(self._service.unprotect(type, why))
        return self.rules()

    def rules(self) -> RuleList:
        """Which fields are personal, a row each."""
        rules = self._link.call(self._service.rules())
        return RuleList(Page(tuple(field for rule in rules for field in _rows(rule))))

    def subjects(self) -> SubjectList:
        """Of whom there is personal data, and who was forgotten; never the keys.

        Who is named only inside encrypted fields is listed as `hidden:…`, a hash.
        """

        def ask(after: str | None) -> Page[Subject]:
            return self._link.call(self._service.subjects(after))

        return SubjectList(ask(None), ask)

    def forget(self, subject: str, *, why: str | None = None, missing_ok: bool = False) -> Forgotten:
        """Forget a person, for good: nobody can read their personal fields any more; they are null.

        The log itself is not changed; the key is destroyed, snapshots of aggregates are deleted, and projections and
        the mirror are built anew. What is stored of the person later is readable, with a new key. Frames and
        files taken out before, and backups that hold the key, are yours to delete.

        Args:
            subject: who, as the events name them: `customer-7`.
            why: for the history; keep personal data out of it.
            missing_ok: answer with zeros, rather than `NotFoundError`, where nothing personal is stored.
        """
        need_text("a subject", subject)
        return self._link.call(self._service.forget(subject, why, missing_ok))

    def rewrap(self) -> int:
        """Wrap the keys with the newest master key (`BURGEE_PRIVACY_KEY`), and say how many were not."""
        return self._link.call(self._service.rewrap())

    def history(self) -> PrivacyHistory:
        """Rules made, changed and taken back, and everybody forgotten: who did it, when and why."""
        return PrivacyHistory(Page(self._link.call(self._service.history())))

    @override
    def __repr__(self) -> str:
        return f"<Privacy of {self._link.tenant!r}: .protect(…), .forget(subject), .rules(), .subjects(), .history()>"

    @override
    def _sheet(self) -> Sheet:
        rows = [
            (".protect(type, fields, subject=…)", "encrypt these fields of events from now on"),
            (".forget(subject)", "destroy a person's keys, for good"),
            (".rules()", "which fields are personal"),
            (".subjects()", "of whom there is personal data"),
            (".history()", "who did what, when and why"),
        ]
        return Sheet(f"Privacy of {self._link.tenant}", ("", "what it does"), rows)


def _rows(rule: Rule) -> list[PersonalField]:
    return [PersonalField(rule.type, field, subject) for field, subject in rule.fields.items()]


def _fields(fields: "Sequence[str] | Mapping[str, str] | type[object]", subject: str | None) -> Mapping[str, str]:
    """Each personal field with what names its person."""
    if subject is not None:
        need_text("subject", subject)
    if isinstance(fields, Mapping):
        return fields
    if isinstance(fields, type):
        from burgee.privacy.marks import marked_fields

        return marked_fields(fields, subject)
    need_texts("the personal fields", fields)
    if subject is None:
        hint = f'subject="customer": a field of the payload; or subject="{STREAM}"'
        raise InvalidInputError("say what names the person whose fields these are", hint=hint)
    return dict.fromkeys(fields, subject)
