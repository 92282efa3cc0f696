"""Questions about events, each as *one* SQL tree over the table `events`.

A question is a tree and not a loop so that the same one runs here, on a cluster, or as text in any warehouse
(`dialects.render`). The trees are written with what every dialect has: common table expressions, joins, window
functions and CASE. Times are compared as whole microseconds. Of events at the same time the one with the lower
position comes first.

Quantiles, medians too, are worked out from ranks, since the dialects' own differ (some interpolate, some sample): with
n values in order, the quantile at q is the value at rank 1 + q (n - 1), between two ranks in proportion. That is what
numpy, pandas and Excel's PERCENTILE.INC mean by it (type 7 of Hyndman and Fan, "Sample Quantiles in Statistical
Packages", The American Statistician 50, 1996), and DuckDB by QUANTILE_CONT, which is said there in its place.

A property is `type`, `stream` or the name of a payload field, and keeps its kind. Events that lack it are a group of
their own where one counts by it, and are left out where it says who acts.
"""

from burgee.analytics.questions.counts import Wanted, counts
from burgee.analytics.questions.experiment import experiment
from burgee.analytics.questions.funnel import funnel
from burgee.analytics.questions.paths import paths
from burgee.analytics.questions.retention import retention
from burgee.analytics.questions.sessions import sessions, sessions_summary
from burgee.analytics.questions.sums import frame_experiment

__all__ = [
    "Wanted",
    "counts",
    "experiment",
    "frame_experiment",
    "funnel",
    "paths",
    "retention",
    "sessions",
    "sessions_summary",
]
