"""The headers a file is downloaded with: it is saved, never run or shown as a page of this server.

Whoever uploads a file chooses its name and content; neither may become another header, or a script with the rights
of the address it comes from.
"""

import re
import unicodedata
from urllib.parse import quote

from burgee.files.names import is_separator, is_unseen

_NOT_PLAIN = re.compile(r'[^ -~]|["\\%*/:<>?|;]')
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_ATTRIBUTE_CHARACTERS = "!#$&+-.^_`|~"
"""What RFC 8187 leaves as it is, besides letters and digits."""
_MOST_CHARACTERS = 255
_UNKNOWN = "application/octet-stream"


def disposition(name: str) -> str:
    """Content-Disposition for a download under that name (RFC 6266), in ASCII.

    The name stands twice: plainly, for clients of old, and in UTF-8 (RFC 8187), which all others prefer. Any name is
    taken: what does not show is left out, what parts paths becomes `_`.
    """
    shown = "".join("_" if is_separator(one) else one for one in name if not is_unseen(one)).strip(" .")
    shown = shown[:_MOST_CHARACTERS] or "file"
    plain = unicodedata.normalize("NFKD", shown)
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    plain = _NOT_PLAIN.sub("_", plain) or "file"
    exact = quote(shown, safe=_ATTRIBUTE_CHARACTERS)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def download_headers(name: str, type: str, checksum: str) -> dict[str, str]:
    """The headers of a whole file or of a range of it, without its length. `checksum` is SHA-256 in hexadecimal."""
    return {
        "Content-Type": type if _MEDIA_TYPE.fullmatch(type) else _UNKNOWN,
        "Content-Disposition": disposition(name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",  # a signed URL is its own key
        "ETag": f'"{_NOT_PLAIN.sub("", checksum)}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",  # asked for again each time, by its ETag
    }
