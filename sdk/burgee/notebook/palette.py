"""The colours of plots and widgets, in one place.

The colours for groups and variants are the "vibrant" scheme of Paul Tol ("Colour Schemes", SRON/EPS/TN/09-002,
2021), which people who confuse red and green can tell apart too.
"""

INK = "#1f2933"
MUTED = "#667080"
GRID = "#e8ebef"
PAPER = "#ffffff"
_AS_FAR_FROM_BOTH = 0.23  # the luminance that contrasts alike with INK and with PAPER

OFF = "#aeb6c0"
"""What is switched off, and what stands for "all others"."""

COLOURS = ("#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#cc3311")
ACCENT = COLOURS[0]
ALARM = COLOURS[5]

SHADES = {"rule": 1.0, "split": 0.72, "default": 0.4, "disabled": 0.25, "error": 0.25}
"""How strong a variant's colour is, by why it is served."""


def colour(number: int) -> str:
    """The colour of the group of that number, from 0; they come round again."""
    return COLOURS[number % len(COLOURS)]


def tint(hexed: str, strength: float) -> str:
    """A colour mixed with white: 1 is the colour itself, 0 is white."""
    parts = (int(hexed[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02x}" for part in parts)


def on(background: str) -> str:
    """The colour of text that can be read on this one: dark or light, by WCAG 2.2's relative luminance."""
    parts = [int(background[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]  # noqa: PLR2004 - sRGB
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if light > _AS_FAR_FROM_BOTH else PAPER
