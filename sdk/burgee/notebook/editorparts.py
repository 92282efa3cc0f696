"""Pieces of HTML for the editor: who would move, and what would differ."""

from collections.abc import Sequence

from burgee.core.display import Sheet
from burgee.flags.analysis.differences import Difference
from burgee.flags.analysis.preview import Move, Preview
from burgee.notebook import tables
from burgee.notebook.palette import colour, on, tint
from burgee.notebook.previews import colours
from burgee.notebook.tables import text

_STAYS = 0.28
_WIDEST_LETTER = 1.25  # percent of a bar
_MOST_ROWS = 12


def moves(preview: Preview) -> str:
    """Who moves: in words, and a bar for each variant of today, in parts by the variant of tomorrow."""
    number = colours(preview)
    lines = []
    for variant in preview.before.variants:
        found = [one for one in preview.moves if one.source == variant.name]
        found.sort(key=lambda one: (not one.stays, number[one.target]))
        count, moving = sum(one.count for one in found), sum(one.count for one in found if not one.stays)
        parts = "".join(_part(one, number[one.target]) for one in found)
        shown = f"<b>{moving:,} move</b>" if moving else "nobody moves"
        lines.append(
            f'<div class="burgee-variant">{text(variant.name)}</div>'
            f'<div class="burgee-track" role="img" aria-label="{moving:,} of {count:,} move">{parts}</div>'
            f'<div class="burgee-share">{shown}<span class="burgee-dim"> of {count:,}</span></div>'
        )
    words = f'<span class="burgee-told">{text(preview.text())}</span>'
    return f'<div class="burgee-title">Who would move</div>{words}<div class="burgee-bars">{"".join(lines)}</div>'


def differences(found: Sequence[Difference]) -> str:
    """What would differ, as a table."""
    title = '<div class="burgee-title">What would change</div>'
    if not found:
        return f'{title}<span class="burgee-dim">nothing yet</span>'
    rows = [(one.field, one.before, one.after) for one in found]
    return f"{title}{tables.table(Sheet('', ('what', 'now', 'then'), rows), most=_MOST_ROWS)}"


def _part(move: Move, number: int) -> str:
    strong = colour(number)
    shade = tint(strong, _STAYS) if move.stays else strong
    width = 100 * move.share
    words = f"stay {move.count:,}" if move.stays else f"→ {move.target} {move.count:,}"
    shown = words if width >= _WIDEST_LETTER * (len(words) + 1) else ""
    style = f"width:{width:.4f}%;background:{shade};color:{on(shade)}"
    return f'<span class="burgee-part" style="{style}" title="{text(words)}">{text(shown)}</span>'
