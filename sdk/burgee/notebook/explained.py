"""An explanation as a picture in HTML: the steps from top to bottom, conditions, and where the key fell among buckets.

Like tables it needs nothing but the standard library and a style sheet of its own; whatever is shown is escaped.
"""

from collections.abc import Sequence
from importlib.resources import files

from burgee.flags.analysis.explanation import Explanation
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.evaluation.explaining import Checked, Share, Step
from burgee.flags.model import Condition
from burgee.notebook.ruletext import sign
from burgee.notebook.tables import cell, text

CSS = (files(__package__) / "explained.css").read_text(encoding="utf-8")

_KINDS = {"enabled": "switch", "override": "overrides", "rollout": "rollout", "variant": "variant"}
_MOST_VALUES = 6


def html(explanation: Explanation) -> str:
    """The explanation as HTML that needs nothing from elsewhere."""
    return f"<style>{CSS}</style>{body(explanation)}"


def body(explanation: Explanation) -> str:
    """The same without the style sheet."""
    found = explanation.evaluation
    context = explanation.context
    get = getattr(context, "get", None)
    key = get(TARGETING_KEY) if callable(get) else None
    who = "a context without an id" if key is None else f"<code>{_short(key)}</code>"
    rule = f" · {text(found.rule)}" if found.rule else ""
    error = f'<div class="burgee-soft">{text(found.error)}</div>' if found.error else ""
    verdict = (
        f"<b>{text(found.flag)}</b> serves {who}"
        f'<span class="burgee-served">{text(found.variant)}</span>'
        f'<span class="burgee-soft">{text(found.reason)}{rule}</span>{error}'
    )
    decisive = explanation.decisive
    steps = "".join(_step(step, decides=step is decisive) for step in explanation.steps)
    ignored = "tex2jax_ignore mathjax_ignore"
    return f'<div class="burgee-why {ignored}"><div class="burgee-verdict">{verdict}</div><ol>{steps}</ol></div>'


def _step(step: Step, *, decides: bool) -> str:
    kind = _KINDS.get(step.kind, step.kind)
    named = "" if step.kind in _KINDS else _named(step)
    word = "burgee-decides" if decides else "burgee-unasked" if step.met is None else ""
    mark = "·" if step.met is None else "✓" if step.met else "✗"
    met = " burgee-met" if step.met else ""
    # Of a rule that is not met the conditions say it themselves.
    said = "" if step.kind == "rule" and step.conditions and step.share is None and not step.met else step.outcome
    outcome = f'<span class="{"" if decides else "burgee-soft"}">{text(said if step.met is not None else "")}</span>'
    return (
        f'<li class="{word}"><span class="burgee-mark{met}">{mark}</span>'
        f'<div class="burgee-step"><span class="burgee-kind">{text(kind)}</span>{named}{outcome}</div>'
        f"{_conditions(step.conditions)}{_scale(step.share)}</li>"
    )


def _named(step: Step) -> str:
    name = step.name.removeprefix(f"{step.kind} ")
    return f'<span class="burgee-named">{text(name)}</span>'


def _conditions(checked: Sequence[Checked]) -> str:
    lines = "".join(f"<li>{_tick(one)}{_clause(one)}{_conditions(one.within)}</li>" for one in checked)
    return f"<ul>{lines}</ul>" if lines else ""


def _tick(checked: Checked) -> str:
    return f'<span class="burgee-tick{" burgee-met" if checked.met else ""}">{"✓" if checked.met else "✗"}</span>'


def _clause(checked: Checked) -> str:
    clause = checked.clause
    if not isinstance(clause, Condition):
        words = {"all": "all of", "any": "any of", "not": "none of"}
        return words[clause.match]
    op = sign(clause.op)
    value = clause.value
    if isinstance(value, tuple):
        more = f", … {len(value):,} in all" if len(value) > _MOST_VALUES else ""
        shown = ", ".join(map(_short, value[:_MOST_VALUES])) + more
    else:
        shown = "" if value is None else _short(value)
    asked = f"<code>{text(clause.attribute)}</code> {text(op)} {shown}"
    return f'{asked} <span class="burgee-soft">— seen: {cell(checked.seen)}</span>'


def _scale(share: Share | None) -> str:
    if share is None:
        return ""
    low, high = max(0.0, share.low), min(100.0, share.high)
    part = f'<i style="left:{low:.3f}%;width:{max(0.0, high - low):.3f}%"></i>'
    place = f'<b style="left:{share.at:.3f}%"></b>'
    words = f"falls at {share.at:.2f} %; {'inside' if share.inside else 'outside'} {low:g} to {high:g} %"
    return (
        f'<div class="burgee-scale-row"><div class="burgee-shares" role="img" aria-label="{words}">{part}{place}</div>'
        f'<span class="burgee-soft">{words}</span></div>'
    )


def _short(value: object) -> str:
    shown = f"{value!r}" if isinstance(value, str) else str(value)
    return text(shown if len(shown) <= 80 else f"{shown[:79]}…")  # noqa: PLR2004 - letters of a line
