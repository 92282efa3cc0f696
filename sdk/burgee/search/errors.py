"""What can go wrong in a search beyond wrong input."""

from burgee.core.errors import BurgeeError


class SearchUnavailableError(BurgeeError):
    """The search engine could not be asked."""

    code = "search-unavailable"
    status = 503


class SearchRefusedError(SearchUnavailableError):
    """The search engine is there and refuses us, or we it: the login, what it may do, or the certificate is wrong."""

    code = "search-refused"


class DegradedSearchWarning(UserWarning):
    """The database answered a search, as the search engine could not: it may be slower, and ranked otherwise."""


class SearchFailedError(SearchUnavailableError):
    """The engine is there, and this one question is beyond it. What others ask it answers."""

    code = "search-failed"


class IndexUnavailableError(SearchUnavailableError):
    """This one index can't be used now, or can't take in what it lacks. The engine's other indexes can."""

    code = "index-unavailable"


class DamagedIndexError(IndexUnavailableError):
    """What the engine holds of an index can't be used any more, and it says so until the index is made anew.

    The service does that, from the documents in the database.
    """

    code = "damaged-index"
