"""What a text is: a page, a picture or a script that could run, or data of a kind its name tells.

Only between kinds of text a name decides: that a text is CSV can't be told from a text.
"""

import codecs
import json
import re

HTML, XML, SVG = "text/html", "application/xml", "image/svg+xml"
PLAIN, CSV, JSON, JSON_LINES = "text/plain", "text/csv", "application/json", "application/x-ndjson"

TEXT_SUFFIXES = {
    "txt": PLAIN,
    "text": PLAIN,
    "log": PLAIN,
    "csv": CSV,
    "tsv": "text/tab-separated-values",
    "tab": "text/tab-separated-values",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "json": JSON,
    "geojson": "application/geo+json",
    "ipynb": "application/x-ipynb+json",
    "jsonl": JSON_LINES,
    "ndjson": JSON_LINES,
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
    "sql": "application/sql",
    "html": HTML,
    "htm": HTML,
    "xhtml": HTML,
    "xml": XML,
    "svg": SVG,
    "js": "text/javascript",
    "mjs": "text/javascript",
    "css": "text/css",
    "py": "text/x-python",
    "r": "text/x-r",
    "sh": "text/x-script",
    "bat": "text/x-script",
    "cmd": "text/x-script",
    "ps1": "text/x-script",
    "vbs": "text/x-script",
    "php": "text/x-script",
    "hta": "text/x-script",
    "url": "text/x-script",
    "desktop": "text/x-script",
}
"""Endings of names, and the type of a text so called."""

TEXT_TYPES = frozenset(TEXT_SUFFIXES.values())
_BEGIN_LIKE_JSON = frozenset({JSON, JSON_LINES, "application/geo+json", "application/x-ipynb+json"})
_JSON_START = re.compile(r'\s*(?:[\[{"]|-?[0-9]|true|false|null)')

# Of WHATWG MIME Sniffing §7.1, what makes a page of a text. Markdown may begin with other elements.
_PAGE = re.compile(
    r"<(?:!doctype\s+html|html|head|body|script|iframe|style|title|meta|link|base|object|embed)(?=[\s/>])",
    re.IGNORECASE,
)
_ELEMENT = re.compile(r"<(?:[\w.-]{1,100}:)?([A-Za-z_][\w.-]{0,100})")
_PREAMBLES = (("<!--", "-->"), ("<?", "?>"), ("<!DOCTYPE", ">"), ("<!doctype", ">"))
_SPACES = re.compile(r"\s*")
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def as_text(head: bytes) -> str | None:
    """The first bytes as text, in UTF-8, UTF-16 with its mark or an 8-bit alphabet; None if they are none."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            text = _decoded(head[len(mark) :], encoding)
            return None if text is None or _has_controls(text.encode(errors="replace")) else text
    if _has_controls(head):  # in UTF-8 as in 8-bit alphabets such a byte is such a character
        return None
    text = _decoded(head, "utf-8")
    return head.decode("latin-1") if text is None else text


def text_type(text: str, wanted: str | None) -> str:
    """The type of a text whose name, or whoever sent it, wants it to be of type `wanted`.

    What is a page, XML or a drawing by its content is that. Else it is what is wanted, if that is a kind of text
    and could be true; else JSON or plain text.
    """
    found = _markup_type(text)
    if found:
        return wanted if found == XML and wanted in {SVG, HTML} else found
    if wanted in _BEGIN_LIKE_JSON:
        return wanted if not text.strip() or _JSON_START.match(text) else PLAIN
    if wanted in TEXT_TYPES:
        return wanted
    return JSON if _is_whole_json(text) else PLAIN


def _has_controls(data: bytes) -> bool:
    """Whether characters are there that no text has. Looking so takes a tenth of what a regular expression takes."""
    return len(data.translate(None, _CONTROLS)) < len(data)


def _decoded(data: bytes, encoding: str) -> str | None:
    """The text; a character cut off at the end is left out."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _markup_type(text: str) -> str | None:
    start = _after_preamble(text)
    if _PAGE.match(text, start):
        return HTML
    element = _ELEMENT.match(text, start)
    if element and element[1].lower() in {"svg", "html"}:
        return SVG if element[1].lower() == "svg" else HTML
    return XML if text.lstrip()[:5].lower() == "<?xml" else None


def _after_preamble(text: str) -> int:
    """Where a document begins: after spaces, comments, instructions and a document type that is not HTML's."""
    at = 0
    while True:
        at = _end_of_spaces(text, at)
        ends = next((ends for starts, ends in _PREAMBLES if text.startswith(starts, at)), None)
        found = -1 if ends is None or _PAGE.match(text, at) else text.find(ends, at)
        if ends is None or found < 0:
            return at
        at = found + len(ends)


def _end_of_spaces(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return spaces.end() if spaces else at


def _is_whole_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
