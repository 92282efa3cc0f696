"""The fluent objects of flags: `acme.flags`, and the handle of one flag."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, override

from burgee.core.checks import need_text
from burgee.core.clock import Moment
from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import AlreadyExistsError, NotFoundError
from burgee.core.history import History
from burgee.core.json import Json
from burgee.core.link import Link
from burgee.core.listing import Listing, typed
from burgee.core.page import Page
from burgee.flags.analysis.evaluations import Evaluations
from burgee.flags.analyst import FlagAnalysis
from burgee.flags.applications.exposures import Ingest
from burgee.flags.assigning import FlagAssigning, FlagsAssigning
from burgee.flags.changing.changes import Change, FlagSpec
from burgee.flags.changing.checks import check_time
from burgee.flags.changing.rules import check_key
from burgee.flags.changing.wording import holdout_words, ramp_words, schedule_words, serve_words, slice_words
from burgee.flags.comparing import FlagComparing, FlagsComparing
from burgee.flags.evaluation.compiled import CompiledFlag, compile_flag
from burgee.flags.evaluation.rulesets import CompiledRuleset, refers
from burgee.flags.exchange import FlagdExchange
from burgee.flags.experimenting import Experimenting
from burgee.flags.model import SCHEME, Evaluation, FlagChange, FlagState, Reason, Ruleset
from burgee.flags.protocol import FlagService
from burgee.flags.serving import Background, Serving
from burgee.flags.verbs import FlagVerbs

if TYPE_CHECKING:
    import pandas as pd

    from burgee.experiments.facade import Experiments
    from burgee.flags.moment import FlagsAt
    from burgee.notebook.figures import Plot
    from burgee.notebook.widgets import FlagsWidget, FlagWidget

STATE_COLUMNS = (
    "key", "enabled", "killed", "rollout", "variants", "default", "rules", "archived", "version", "updated_at",
)  # fmt: skip


class Flag(FlagVerbs["Flag"], FlagAnalysis, FlagAssigning, FlagComparing, Experimenting):
    """One version of a flag. Every verb returns a handle to the new version; this one stays as it is."""

    __slots__ = ("_compiled", "_experiments", "_known", "_link", "_now", "_ruleset", "_service", "evaluate", "state")

    def __init__(
        self,
        link: Link,
        service: FlagService,
        state: FlagState,
        known: dict[str, FlagState],
        *,
        ruleset: Ruleset | None = None,
        now: datetime | None = None,
        experiments: "Experiments | None" = None,
    ) -> None:
        self._experiments = experiments
        self._link = link
        self._service = service
        self._known = known  # what `Flags` shows as the newest it knows
        self._ruleset = ruleset or Ruleset()  # the flags and segments it refers to
        self._now = now  # the moment it is looked at, where that is not the present
        self.state = state
        self._compiled: CompiledFlag = compile_flag(state, self._ruleset, now)
        self.evaluate = self._compiled.evaluate
        """What the flag serves to a context, and why: `flag.evaluate({"id": "u1"})`. Never raises."""

    @property
    def key(self) -> str:
        """The flag's key."""
        return self.state.key

    @property
    def version(self) -> int:
        """The version this handle shows, from 1."""
        return self.state.version

    @property
    def enabled(self) -> bool:
        """Whether this version is switched on."""
        return self.state.enabled

    def refresh(self) -> "Flag":
        """The flag as it is now."""
        return self._newest(self._link.call(self._service.get(self.key)))

    def at(self, when: int | str | date) -> "Flag":
        """The flag as it was at a version, or at a time: `flag.at(3)`, `flag.at("2026-11-01")`.

        It evaluates with the flags and segments as they were then, when it came to that version; at a time, also with
        its schedules and ramps as they stood.
        """
        if isinstance(when, int) and not isinstance(when, bool):
            state = self._link.call(self._service.at(self.key, version=when))
            return self._at(state, _around(self._link, self._service, state, state.updated_at))
        time = check_time("a time", when)
        state = self._link.call(self._service.at(self.key, time=time))
        return self._at(state, _around(self._link, self._service, state, time), time)

    def history(self) -> "FlagHistory":
        """Every change, oldest first: who, when, why, before and after."""
        return FlagHistory(Page(self._link.call(self._service.history(self.key))))

    def plot(self, users: object = None, *, by: str = "id") -> "Plot":
        """The rollout over time; with a frame of users also what it serves them. A matplotlib figure."""
        figure: Plot = view("plots").rollout(self, users, by=by)
        return figure

    def widget(self, users: object = None, *, by: str = "id") -> "FlagWidget":
        """Switch, rollout, weights, history, and the live share over a frame of users: to use, not only to see."""
        widget: FlagWidget = view("widgets").FlagWidget(self, users, by=by)
        return widget

    def _change(self, change: Change, why: str | None, expected_version: int | None) -> "Flag":
        return self._newest(self._link.call(self._service.change(self.key, change, expected_version, why)))

    def _flag(self, key: str) -> "Flag":
        return self._newest(self._link.call(self._service.get(key)))

    def _newest(self, state: FlagState) -> "Flag":
        self._known[state.key] = state
        return self._at(state, _around(self._link, self._service, state))

    def _at(self, state: FlagState, ruleset: Ruleset | None, now: datetime | None = None) -> "Flag":
        experiments = self._experiments
        return Flag(self._link, self._service, state, self._known, ruleset=ruleset, now=now, experiments=experiments)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flag) and other.state == self.state and other._link.tenant == self._link.tenant

    @override
    def __hash__(self) -> int:
        return hash((self._link.tenant, self.key, self.version))

    @override
    def __repr__(self) -> str:
        state = self.state
        switch = (
            "archived" if state.archived else "killed" if state.killed else "enabled" if state.enabled else "disabled"
        )
        shares = state_row(state)["variants"]
        moves = f"ramp {ramp_words(state.ramp)}" if state.ramp else f"rollout {state.rollout:g} %"
        parts = ", ".join([f"{moves}, {shares}", *(f"{what} {said}" for what, said in _besides(state))])
        return f"<Flag {self.key!r} {switch}, {parts}, version {state.version}>"

    @override
    def _sheet(self) -> Sheet:
        row = state_row(self.state)
        rows: list[tuple[object, ...]] = [(name, row[name]) for name in STATE_COLUMNS if name not in {"key", "rules"}]
        if self.state.ramp is not None:
            rows.insert(3, ("ramp", ramp_words(self.state.ramp)))
        rows += _besides(self.state)
        rows += [
            (f"rule {number}", f"{rule.name} → {serve_words(rule)}") for number, rule in enumerate(self.state.rules, 1)
        ]
        if self.state.description:
            rows.insert(0, ("description", self.state.description))
        return Sheet(f"Flag {self.key}", ("", "value"), rows)


class FlagList(Listing[Flag]):
    """The flags of a tenant."""

    __slots__ = ()
    columns = STATE_COLUMNS
    dtypes = typed(
        text="key variants default",
        whole="rules version",
        number="rollout",
        yes_no="enabled killed archived",
        moment="updated_at",
    )

    @override
    def __iter__(self) -> Iterator[Flag]:
        return super().__iter__()

    @override
    def _row(self, item: Flag) -> Mapping[str, object]:
        return state_row(item.state)


class FlagHistory(History[FlagState]):
    """The changes of a flag. Frame: `version, at, actor, change, before, after, why`."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[FlagChange]:
        return super().__iter__()

    def plot(self) -> "Plot":
        """The rollout over time. A matplotlib figure."""
        figure: Plot = view("plots").history(list(self))
        return figure


class Flags(FlagsAssigning, Serving, FlagsComparing, FlagdExchange, Shown):
    """The flags of a tenant: `acme.flags["checkout"]`."""

    __slots__ = ("_background", "_experiments", "_ingest", "_known", "_link", "_service")

    def __init__(
        self,
        link: Link,
        service: FlagService,
        known: dict[str, FlagState],
        *,
        experiments: "Experiments | None" = None,
        ingest: Ingest | None = None,
        background: Background | None = None,
    ) -> None:
        self._ingest = ingest  # the way into the event log
        self._background = Background() if background is None else background
        self._experiments = experiments
        self._link = link
        self._service = service
        self._known = known  # what has been fetched, for completion and for what is shown

    def create(
        self,
        key: str,
        variants: Mapping[str, float] | None = None,
        *,
        values: Mapping[str, Json] | None = None,
        default: str | None = None,
        rollout: float = 100.0,
        enabled: bool = False,
        description: str = "",
        salt: str | None = None,
        schema: Json = None,
        scheme: str = SCHEME,
        why: str | None = None,
        exist_ok: bool = False,
    ) -> Flag:
        """Create a flag. It is disabled until `enable()`.

        Args:
            key: letters, digits, `-`, `_` and `.`.
            variants: weights in percent that sum to 100; without them the flag is boolean, `on` and `off`.
            values: what each variant stands for; its name unless given.
            default: the variant for whoever is not in the rollout; the first named unless given.
            rollout: percent of those whom no rule matches that are let in.
            enabled: whether it is switched on at once.
            description: what it is for.
            salt: what the buckets are made with; the key unless given. Flags with one salt share buckets.
            schema: a JSON Schema that all values must meet, now and later.
            scheme: how ids fall into buckets: by MD5, or by SHA-256 (`sha256-32/1`) where MD5 is not allowed.
            why: a word for the history.
            exist_ok: a flag of that key that is there already is given as it is, so that a cell can be run again.
        """
        check_key(key)
        spec = FlagSpec(variants, values, default, rollout, enabled, description, salt, schema, scheme)
        try:
            return self._handle(self._link.call(self._service.create(key, spec, why)))
        except AlreadyExistsError:
            if exist_ok:
                return self.get(key)
            raise

    def get(self, key: str) -> Flag:
        """The flag of that key; `NotFoundError` says which there are."""
        need_text("a flag's key", key)
        try:
            return self._handle(self._link.call(self._service.get(key)))
        except NotFoundError:
            self._known.pop(key, None)
            raise

    def __getitem__(self, key: str) -> Flag:
        return self.get(key)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self.get(key) is not None
        except NotFoundError:
            return False

    def __iter__(self) -> Iterator[Flag]:
        return iter(self.list())

    def list(self, *, archived: bool = False) -> FlagList:
        """The flags by key; archived ones only if asked for."""

        def ask(after: str | None) -> Page[Flag]:
            page = self._link.call(self._service.list(after, archived=archived))
            ruleset = self.ruleset() if any(map(refers, page.items)) else None
            return Page(tuple(self._handle(state, ruleset) for state in page.items), page.after)

        return FlagList(ask(None), ask)

    def frame(self) -> "pd.DataFrame":
        """The flags as a frame.

        Its columns: `key, enabled, killed, rollout, variants, default, rules, archived, version, updated_at`.
        """
        return self.list().frame()

    def evaluate(self, key: str, context: Mapping[str, object], *, default: Json = None) -> Evaluation[Json]:
        """What the flag of that key serves now to a context, and why.

        Never raises: what goes wrong (also: there is no such flag) is told in `reason` and `error`, and
        `default` is the value.
        """
        try:
            flag = self.get(key)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller has a default to go on with
            return Evaluation(key, default, None, Reason.ERROR, error=str(error))
        return flag.evaluate(context)

    def evaluate_all(self, context: Mapping[str, object]) -> Evaluations:
        """What every flag serves now to a context: by key, and as a frame. One request, whatever their number."""
        return Evaluations(CompiledRuleset(self.ruleset()).evaluate_all(context))

    def at(self, when: Moment) -> "FlagsAt":
        """All flags and segments as they were at a time: `acme.flags.at("2026-11-01").evaluate_all(context)`."""
        from burgee.flags.moment import FlagsAt

        return FlagsAt(self._link, self._service, self.ruleset(when), check_time("a time", when))

    def widget(self) -> "FlagsWidget":
        """The flags as a table with switches."""
        widget: FlagsWidget = view("widgets").FlagsWidget(self)
        return widget

    def ruleset(self, time: Moment | None = None) -> Ruleset:
        """All flags and segments together, as they are at one moment: now, or as they were at a time."""
        if time is None:
            return self._link.call(self._service.ruleset())
        return self._link.call(self._service.ruleset(check_time("a time", time)))

    def _handle(self, state: FlagState, ruleset: Ruleset | None = None) -> Flag:
        self._known[state.key] = state
        around = _around(self._link, self._service, state) if ruleset is None else ruleset
        return Flag(self._link, self._service, state, self._known, ruleset=around, experiments=self._experiments)

    def _ipython_key_completions_(self) -> Sequence[str]:
        return sorted(self._known)

    @override
    def __repr__(self) -> str:
        return f"<Flags of {self._link.tenant!r}: {', '.join(sorted(self._known)) or 'none fetched yet'}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [tuple(state_row(state).values()) for _, state in sorted(self._known.items())]
        note = "what has been fetched; .list() asks again"
        return Sheet(f"Flags of {self._link.tenant}", STATE_COLUMNS, rows, note)


def _around(link: Link, service: FlagService, state: FlagState, time: datetime | None = None) -> Ruleset | None:
    """The flags and segments that a flag is evaluated with; none where it stands alone."""
    return link.call(service.ruleset(time)) if refers(state) else None


def _besides(state: FlagState) -> list[tuple[str, str]]:
    """What else is said of a flag, where something is: each by its name, in words."""
    said = {
        "schedule": schedule_words(state.schedule),
        "requires": "; ".join(f"{one.flag} = {' or '.join(one.variants)}" for one in state.prerequisites),
        "overrides": f"{len(state.overrides):,}" if state.overrides else None,
        "holdout": holdout_words(state.holdout),
        "layer": slice_words(state.slice),
    }
    return [(what, words) for what, words in said.items() if words]


def state_row(state: FlagState) -> dict[str, object]:
    """A flag's state as a row of words."""
    shares = " / ".join(f"{variant.name} {variant.weight:g}" for variant in state.variants)
    return {
        "key": state.key,
        "enabled": state.enabled,
        "killed": state.killed,
        "rollout": state.rollout,
        "variants": shares,
        "default": state.default,
        "rules": len(state.rules),
        "archived": state.archived,
        "version": state.version,
        "updated_at": state.updated_at,
    }
