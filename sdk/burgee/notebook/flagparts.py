"""A flag as pieces of HTML: its head, its rules, the shares of users, its history. The widgets put them together."""

from collections.abc import Mapping, Sequence

from burgee.core.display import Sheet
from burgee.flags.model import FlagChange, FlagState, Rule
from burgee.notebook import tables
from burgee.notebook.palette import INK, SHADES, colour, on, tint
from burgee.notebook.shares import Share
from burgee.notebook.tables import text

MOST_CHANGES = 20
"""Changes a widget shows, the newest; `flag.history()` has all."""

_MOST_CHIPS = 4
_WHOLE = 100.0
_ROOM_FOR_A_WORD = 11.0  # percent of a bar


def standing(state: FlagState) -> str:
    """Whether it is on, in a word."""
    if state.archived or state.killed:
        return "archived" if state.archived else "killed"
    return "enabled" if state.enabled else "disabled"


def head(state: FlagState, beside: str = "") -> str:
    """Its key, whether it is on, and its version; `beside` is HTML that stands behind."""
    word = standing(state)
    about = f'<div class="burgee-about">{text(state.description)}</div>' if state.description else ""
    return (
        f'<span class="burgee-key">{text(state.key)}</span>'
        f'<span class="burgee-badge burgee-{word}">{word}</span>'
        f'<span class="burgee-version">version {state.version}</span>{beside}{about}'
    )


def rules(state: FlagState) -> str:
    """Its rules in the order they are tried, and what happens to whoever meets none."""
    lines = []
    for number, rule in enumerate(state.rules, 1):
        conditions = " and ".join(map(str, rule.conditions))
        told = _letters(conditions) == _letters(rule.name)  # a name made for it says what the conditions say
        more = "" if told else f' <span class="burgee-dim">{text(conditions)}</span>'
        part = f' <span class="burgee-dim">for {rule.percent:g} % of them</span>' if rule.percent < _WHOLE else ""
        lines.append(f'<li value="{number}">{text(rule.name)} → {_served(state, rule)}{part}{more}</li>')
    items = f"<ol>{''.join(lines)}</ol>" if lines else ""
    who = "everybody else" if lines else "no rules: everybody"
    what = f"in the rollout ({state.rollout:g} %) by weight, outside it {_chip(state, state.default)}"
    return f'<div class="burgee-rules">{items}<div class="burgee-dim">{who} {what}</div></div>'


def _served(state: FlagState, rule: Rule) -> str:
    if rule.split is None:
        return _chip(state, rule.serve or state.default)
    return " ".join(_chip(state, name, f" {share:g} %") for name, share in rule.split.shares)


def weights(state: FlagState) -> str:
    """Its variants with their weights, and how many rules come first."""
    chips = (_chip(state, one.name, f" {one.weight:g} %") for one in state.variants[:_MOST_CHIPS])
    more = f" … {len(state.variants)} in all" if len(state.variants) > _MOST_CHIPS else ""
    count = len(state.rules)
    before = f" · {count} {'rule' if count == 1 else 'rules'}" if count else ""
    return f'{" ".join(chips)}<span class="burgee-dim">{more}{before} · version {state.version}</span>'


def bars(found: Sequence[Share]) -> str:
    """A bar for each variant: its share of the users, in parts by reason."""
    total = found[0].total
    lines = []
    for number, share in enumerate(found):
        parts = "".join(_part(number, word, count, total) for word, count in share.reasons)
        lines.append(
            f'<div class="burgee-variant">{text(share.variant)}</div>'
            f'<div class="burgee-track" role="img" aria-label="{share.percent:.1f} %">{parts}</div>'
            f'<div class="burgee-share"><b>{share.percent:.1f} %</b>'
            f'<span class="burgee-dim"> {share.count:,}</span></div>'
        )
    users = "1 user is" if total == 1 else f"{total:,} users are"
    there = {word for share in found for word, _ in share.reasons}
    legend = (
        f'<span class="burgee-swatch" style="background:{tint(INK, strength)}"></span>{word}'
        for word, strength in SHADES.items()
        if word in there
    )
    key = f'<span class="burgee-legend burgee-dim">{"&emsp;".join(legend)}</span>'
    return f'<div class="burgee-title">What {users} served{key}</div><div class="burgee-bars">{"".join(lines)}</div>'


def history(changes: Sequence[FlagChange]) -> str:
    """Its changes as a table, the newest first."""
    rows = [
        (change.version, change.at, change.actor, describe(change), change.why)
        for change in reversed(changes[-MOST_CHANGES:])
    ]
    note = f"the newest {MOST_CHANGES} of {len(changes):,} changes" if len(changes) > MOST_CHANGES else ""
    sheet = Sheet("", ("version", "when", "who", "what", "why"), rows, note)
    return f'<div class="burgee-title">History</div>{tables.table(sheet)}'


def describe(change: FlagChange) -> str:
    """What a change changed, in words."""
    if change.change == "created":
        return "created"
    names = {**change.after, **change.before}
    told = [_told(name, change.before.get(name), change.after.get(name)) for name in names]
    return "; ".join(told) or change.change


def swatch(number: int) -> str:
    """A spot in a variant's colour."""
    return f'<span class="burgee-swatch" style="background:{colour(number)}"></span>'


def _told(name: str, before: object, after: object) -> str:
    match name:
        case "enabled":
            return "enabled" if after else "disabled"
        case "killed":
            return "killed" if after else "revived"
        case "archived":
            return "archived" if after else "restored"
        case "rollout":
            return f"rollout {_plain(before)} → {_plain(after)} %"
        case "rules" if isinstance(after, list | tuple) and isinstance(before, list | tuple):
            added = [f"rule added: {rule}" for rule in after if rule not in before]
            removed = [f"rule removed: {rule}" for rule in before if rule not in after]
            return "; ".join([*added, *removed]).replace(" -> ", " → ") or "rules in another order"
        case _ if name.startswith("override "):
            return f"{name} → {_plain(after)}"
        case _:
            return f"{name} {_plain(before)} → {_plain(after)}"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return " / ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return "nothing" if value is None else str(value)


def _part(number: int, word: str, count: int, total: int) -> str:
    percent = 100 * count / total
    shade = tint(colour(number), SHADES[word])
    shown = f"{word} {count:,}" if percent >= _ROOM_FOR_A_WORD else ""
    style = f"width:{percent:.4f}%;background:{shade};color:{on(shade)}"
    return f'<span class="burgee-part" style="{style}" title="{word}: {count:,}">{shown}</span>'


def _chip(state: FlagState, variant: str, more: str = "") -> str:
    number = next((place for place, one in enumerate(state.variants) if one.name == variant), 0)
    return f'<span class="burgee-chip">{swatch(number)}{text(variant)}{more}</span>'


def _letters(words: str) -> str:
    return "".join(letter for letter in words if letter.isalnum())
