"""What can go wrong in a search beyond wrong input."""

from burgee.core.errors import BurgeeError


class SearchUnavailableError(BurgeeError):
    """The search engine could not be asked."""

    code = "search-unavailable"
    status = 503


class DamagedIndexError(SearchUnavailableError):
    """What the engine holds of an index can't be used any more. The service builds it anew."""

    code = "damaged-index"
