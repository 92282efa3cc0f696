"""From a question to its SQL tree."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlglot import exp

from burgee.analytics import questions
from burgee.analytics.filters import Choice
from burgee.analytics.source import Columns
from burgee.questions.model import Counts, Funnel, Paths, Question, Retention, Sessions
from burgee.store.query import EventQuery


def tree(query: EventQuery, question: Question, columns: Columns, types: AbstractSet[str], now: datetime) -> exp.Select:
    """The tree of a question about the events that the query chooses, over the table `events`.

    `columns` and `types` are what the log has; `now` is when it is asked: what lies ahead is not over yet.

    Raises:
        InvalidInputError: the question names a type or a field that no event has, or can't be.
    """
    choice = Choice(query, columns, frozenset(types))
    choice.check(question.steps if isinstance(question, Funnel) else ())
    match question:
        case Counts(per, by):
            wanted = [questions.Wanted(one.kind, one.name, one.field, one.at) for one in question.wanted]
            return questions.counts(choice, per, by, wanted)
        case Funnel(steps, by, split, within, times):
            return questions.funnel(choice, steps, by, split=split, within=within, times=times)
        case Retention(by, period):
            return questions.retention(choice, by, period, now=now)
        case Paths(by):
            return questions.paths(choice, by)
        case Sessions(by, gap, summary):
            return (questions.sessions_summary if summary else questions.sessions)(choice, by, gap)
