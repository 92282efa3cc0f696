"""From a question to its SQL tree."""

from sqlglot import exp

from burgee.analytics import questions
from burgee.analytics.source import Columns
from burgee.core.errors import InvalidInputError
from burgee.questions.model import Counts, Funnel, Question
from burgee.store.query import EventQuery


def tree(query: EventQuery, question: Question, columns: Columns) -> exp.Select:
    """The tree of a question about the events that the query chooses."""
    if query != EventQuery():
        raise InvalidInputError("not yet")
    match question:
        case Counts(per, by):
            return questions.counts(columns, per, by)
        case Funnel(steps, by, split):
            return questions.funnel(columns, steps, by, split=split)
        case _:
            raise InvalidInputError(f"{question.kind} can't be asked yet")
