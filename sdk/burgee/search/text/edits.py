"""How far words are apart, in edits: a letter added, left out, changed, or swapped with its neighbour.

No letter is edited twice (optimal string alignment), as in the automata of Elasticsearch and tantivy.
"""

from collections.abc import Iterable


def near(word: str, others: Iterable[str], most: int) -> list[str]:
    """Those of the others that are at most so many edits away."""
    letters = set(word)
    # An edit brings back one missing letter at most: comparing sets spares most of the long way.
    return [other for other in others if len(letters.difference(other)) <= most and distance(word, other, most) <= most]


def distance(one: str, other: str, most: int) -> int:
    """The edits between two words; `most + 1` where there are more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        above, before = before, row
        row = [at + 1]
        for to, other_letter in enumerate(other):
            cost = min(before[to] + (letter != other_letter), before[to + 1] + 1, row[to] + 1)
            if at and to and letter == other[to - 1] and other_letter == one[at - 1]:
                cost = min(cost, above[to - 1] + 1)
            row.append(cost)
        if min(row) > most and min(before) > most:
            return most + 1
    return min(row[-1], most + 1)
