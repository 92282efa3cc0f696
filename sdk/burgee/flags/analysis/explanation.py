"""Explanations to look at and to count: one for a context, and a frame for many rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, override

from burgee.core.display import Sheet, Shown, view
from burgee.core.errors import InvalidInputError
from burgee.core.json import Json
from burgee.flags.analysis.contexts import as_pandas, contexts_of
from burgee.flags.evaluation.buckets import TARGETING_KEY, rollout_limit
from burgee.flags.evaluation.compiled import CompiledFlag
from burgee.flags.evaluation.explaining import Checked, Explained, Step, explain
from burgee.flags.model import Evaluation, Reason

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("step", "kind", "rule", "condition", "seen", "met", "bucket", "limit", "share", "outcome")
MOST_ROWS = 10_000
"""Rows a frame to be explained may have: each gives a dozen."""

_MARKS = {True: "✓", False: "✗", None: "·"}


class Explanation(Shown):
    """Why a context is served what it is served: every step, every condition with the value seen, every bucket.

    Frame: one row for each step, and below it one for each of its conditions.

    | column      | what stands there                                                                              |
    |-------------|------------------------------------------------------------------------------------------------|
    | `step`      | its number, from 1, in the order steps are asked                                               |
    | `kind`      | `enabled`, `prerequisite`, `override`, `holdout`, `layer`, `rule`, `rollout` or `variant`      |
    | `rule`      | the rule's name; of a prerequisite, holdout or layer what `Evaluation.rule` would say          |
    | `condition` | one condition of the rule; missing in the row of the step itself                               |
    | `seen`      | the value of the attribute that the condition looked at                                        |
    | `met`       | whether the step applied, or the condition was met; missing where an earlier step decided      |
    | `bucket`    | where the targeting key fell, 0 to 2**32 - 1, if buckets were asked                            |
    | `limit`     | the first bucket outside                                                                       |
    | `share`     | how many percent are inside                                                                    |
    | `outcome`   | what came of it, in words                                                                      |
    """

    __slots__ = ("context", "evaluation", "steps")

    def __init__(self, explained: Explained, context: object) -> None:
        self.evaluation: Evaluation[Json] = explained.evaluation
        """What is served: the same as `flag.evaluate(context)`."""
        self.steps: tuple[Step, ...] = explained.steps
        """Every step, in their order."""
        self.context: object = context
        """What was asked for."""

    @property
    def variant(self) -> str | None:
        """The variant served."""
        return self.evaluation.variant

    @property
    def value(self) -> Json:
        """The value served."""
        return self.evaluation.value

    @property
    def reason(self) -> Reason:
        """Why, in a word."""
        return self.evaluation.reason

    @property
    def rule(self) -> str | None:
        """The rule that decided, if one did."""
        return self.evaluation.rule

    @property
    def decisive(self) -> Step:
        """The step that decided."""
        return next((step for step in self.steps if step.served is not None), self.steps[-1])

    def frame(self) -> "pd.DataFrame":
        """A row for each step and each condition; see above for the columns."""
        return _frame(step_rows(self.steps), ())

    def text(self) -> str:
        """All of it as lines of plain text."""
        return "\n".join(_lines(self))

    @override
    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        """What IPython asks for: the steps as a picture in HTML, and text for whoever can't show HTML."""
        bundle = {"text/plain": self.text(), "text/html": view("explained").html(self)}
        wanted = set(include) if include else set(bundle)
        return {kind: text for kind, text in bundle.items() if kind in wanted - set(exclude or ())}

    @override
    def _sheet(self) -> Sheet:
        rows = [[row[name] for name in COLUMNS] for row in step_rows(self.steps)]
        return Sheet(summary(self), COLUMNS, rows)

    @override
    def __repr__(self) -> str:
        return f"<Explanation: {summary(self)}>"


def summary(explanation: Explanation) -> str:
    """What is served and why, in a line."""
    found = explanation.evaluation
    rule = f", {found.rule}" if found.rule else ""
    error = f": {found.error}" if found.error else ""
    return f"{found.flag} serves {_who(explanation.context)} {found.variant} ({found.reason}{rule}{error})"


def explain_frame(
    compiled: CompiledFlag, frame: object, by: str = TARGETING_KEY, *, most: int = MOST_ROWS
) -> "pd.DataFrame":
    """The steps of every row of a frame, one below the other; the index of the frame given says which row's.

    Raises:
        InvalidInputError: it is no frame, or has more than `most` rows.
        MissingColumnError: it has no column `by`.
    """
    users = as_pandas(frame)
    if len(users) > most:
        hint = "explain a part of them, e.g. users.sample(1000), or take flag.assign(users), which has no such limit"
        raise InvalidInputError(f"{len(users):,} rows are too many to explain; at most {most:,}", hint=hint)
    contexts = contexts_of(users, by)
    rows: list[dict[str, object]] = []
    origin: list[int] = []
    for number, context in enumerate(contexts):
        found = step_rows(explain(compiled, context).steps)
        rows += ({"id": context[TARGETING_KEY], **row} for row in found)
        origin += [number] * len(found)
    explained = _frame(rows, ("id",))
    explained.index = users.index.take(origin)
    return explained


def step_rows(steps: Sequence[Step]) -> list[dict[str, object]]:
    """The steps as rows: one for each, and below it one for each of its conditions."""
    rows: list[dict[str, object]] = []
    for number, step in enumerate(steps, 1):
        share = step.share
        named = step.name if step.kind in {"rule", "prerequisite", "holdout", "layer", "override"} else None
        own: dict[str, object] = {"step": number, "kind": step.kind, "rule": named, "condition": None, "seen": None}
        rows.append(
            own
            | {
                "met": step.met,
                "bucket": None if share is None else share.bucket,
                "limit": None if share is None else rollout_limit(share.high),
                "share": None if share is None else share.high - share.low,
                "outcome": step.outcome,
            }
        )
        rows += (
            dict.fromkeys(COLUMNS)
            | own
            | {
                "condition": str(one.clause),
                "seen": one.seen,
                "met": one.met,
                "outcome": "met" if one.met else "not met",
            }
            for one in flat(step.conditions)
        )
    return rows


def flat(checked: Iterable[Checked]) -> Iterator[Checked]:
    """Conditions, each group before those within it."""
    for one in checked:
        yield one
        yield from flat(one.within)


def _frame(rows: Sequence[Mapping[str, object]], before: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd

    columns = (*before, *COLUMNS)
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in columns})
    kinds = {"step": "int64", "met": "boolean", "bucket": "UInt32", "limit": "UInt64", "share": "float64"}
    texts = ("kind", "rule", "condition", "outcome")
    return frame.astype({**kinds, **dict.fromkeys(texts, "str")})


def _lines(explanation: Explanation) -> Iterator[str]:
    yield summary(explanation)
    decisive = explanation.decisive
    for number, step in enumerate(explanation.steps, 1):
        arrow = f"  → {step.served}" if step is decisive and step.served is not None else ""
        yield f"{number:>3} {_MARKS[step.met]} {step.name}: {step.outcome}{arrow}"
        if step.share is not None:
            yield f"       at {step.share.at:.2f} %, inside from {step.share.low:g} to {step.share.high:g} %"
        yield from _condition_lines(step.conditions, 1)


def _condition_lines(checked: Iterable[Checked], depth: int) -> Iterator[str]:
    for one in checked:
        seen = "" if one.within else f"  (seen: {one.seen!r:.80})"
        yield f"    {'   ' * depth}{_MARKS[one.met]} {one.clause}{seen}"
        yield from _condition_lines(one.within, depth + 1)


def _who(context: object) -> str:
    key = context.get(TARGETING_KEY) if isinstance(context, Mapping) else None
    return "a context without an id" if key is None else f"{key!r:.80}"
