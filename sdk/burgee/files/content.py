"""What a file is, by its content, and whether files of that type may come in.

The content decides. What the caller said and what the name's ending says must agree with it, or the file is refused;
only between kinds of text (CSV, Markdown, …) do they decide.

By default come in: data (CSV, JSON, Parquet, Arrow, Avro, ORC, HDF5, NetCDF, NumPy, SQLite, DuckDB, Stata, SPSS, SQL),
documents (text, Markdown, PDF, RTF, Office and OpenDocument without macros, notebooks), images (not SVG) and archives.
Not by default: programs, scripts, pages (HTML, XML, SVG), pickles, documents with macros, Office's old formats (which
may hide some), sound, video, and what is of no known type. An own list (`BURGEE_FILES_TYPES`) may name any type; a
wildcard such as `image/*` never means one that could run: those are named in full.
"""

import re
from collections.abc import Iterable

from burgee.core.errors import InvalidInputError
from burgee.files.errors import FileTypeError
from burgee.files.names import shortened
from burgee.files.signatures import (
    ARROW_FILE,
    ARROW_STREAM,
    DOCX,
    EXECUTABLE,
    JAR,
    MACHO,
    MACRO_TYPES,
    MACROS,
    OLE,
    PARQUET,
    PICKLE,
    PPTX,
    UNKNOWN,
    XLSX,
    ZIP,
    binary_type,
    has_library,
    is_readable_format,
    library_type,
)
from burgee.files.texts import CSV, HTML, PLAIN, SVG, TEXT_SUFFIXES, TEXT_TYPES, XML, as_text, text_type

HEAD = 64 * 1024
"""How many of the first bytes, and of the last, are looked at."""

EXCEL, WORD, POWERPOINT = "application/vnd.ms-excel", "application/msword", "application/vnd.ms-powerpoint"
_OPEN_DOCUMENT = tuple(f"application/vnd.oasis.opendocument.{kind}" for kind in ("text", "spreadsheet", "presentation"))
_EPUB, _HDF5, _NETCDF, _NPZ = "application/epub+zip", "application/x-hdf5", "application/x-netcdf", "application/x-npz"
_DATA = (
    *("text/csv", "text/tab-separated-values", "application/json", "application/x-ndjson", "application/geo+json"),
    *("application/yaml", "application/toml", "application/sql", PARQUET, ARROW_FILE, ARROW_STREAM),
    *("application/vnd.apache.avro", "application/vnd.apache.orc", _HDF5, _NETCDF, "application/x-npy", _NPZ),
    *("application/vnd.sqlite3", "application/x-duckdb", "application/x-stata-dta", "application/x-spss-sav"),
)
_DOCUMENTS = (
    *("text/plain", "text/markdown", "application/pdf", "application/rtf", "application/x-ipynb+json"),
    *(XLSX, DOCX, PPTX, *_OPEN_DOCUMENT, _EPUB),
)
_IMAGES = tuple(f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "bmp", "tiff", "avif", "heic"))
_ARCHIVES = (
    *(ZIP, "application/gzip", "application/x-bzip2", "application/x-xz", "application/zstd", "application/x-tar"),
    *("application/x-7z-compressed", "application/vnd.rar"),
)
DEFAULT_TYPES = (*_DATA, *_DOCUMENTS, *_IMAGES, *_ARCHIVES)
"""What comes in unless said otherwise."""

ACTIVE_TYPES = frozenset(
    {HTML, XML, SVG, "text/javascript", "text/x-script", "text/x-python", "text/x-r", PICKLE, JAR, EXECUTABLE}
    | {MACHO, OLE, EXCEL, WORD, POWERPOINT, *MACRO_TYPES.values(), "application/x-elf", "application/wasm"}
    | {"application/x-dex", "application/x-ms-shortcut", "application/x-chm", "application/vnd.ms-cab-compressed"}
    | {"application/postscript", "application/x-msi", "application/x-shockwave-flash", "application/x-rpm"}
    | {"application/vnd.debian.binary-package", "application/x-apple-diskimage", "application/x-iso9660-image"}
)
"""What could run, or holds what does. A wildcard never means these."""

_SUFFIXES: dict[str, tuple[str, ...]] = {
    **{suffix: (type,) for suffix, type in TEXT_SUFFIXES.items()},
    **dict.fromkeys(("parquet", "pq"), (PARQUET,)),
    **dict.fromkeys(("arrow", "feather", "ipc"), (ARROW_FILE, ARROW_STREAM)),
    **dict.fromkeys(("h5", "hdf5"), (_HDF5,)),
    **dict.fromkeys(("sqlite", "sqlite3"), ("application/vnd.sqlite3",)),
    **dict.fromkeys(("jpg", "jpeg"), ("image/jpeg",)),
    **dict.fromkeys(("tif", "tiff"), ("image/tiff",)),
    **dict.fromkeys(("gz", "tgz"), ("application/gzip",)),
    **dict.fromkeys(("pkl", "pickle"), (PICKLE,)),
    **dict.fromkeys(("exe", "dll", "scr"), (EXECUTABLE,)),
    **{kind: (f"image/{kind}",) for kind in ("png", "gif", "webp", "bmp", "avif", "heic")},
    "arrows": (ARROW_STREAM,),
    "avro": ("application/vnd.apache.avro",),
    "orc": ("application/vnd.apache.orc",),
    "nc": (_NETCDF, _HDF5),
    "npy": ("application/x-npy",),
    "npz": (_NPZ,),
    "duckdb": ("application/x-duckdb",),
    "sav": ("application/x-spss-sav",),
    "dta": ("application/x-stata-dta",),
    "pdf": ("application/pdf",),
    "rtf": ("application/rtf",),
    "zip": (ZIP,),
    "bz2": ("application/x-bzip2",),
    "xz": ("application/x-xz",),
    "zst": ("application/zstd",),
    "tar": ("application/x-tar",),
    "7z": ("application/x-7z-compressed",),
    "rar": ("application/vnd.rar",),
    "xlsx": (XLSX,),
    "docx": (DOCX,),
    "pptx": (PPTX,),
    "xls": (EXCEL,),
    "doc": (WORD,),
    "ppt": (POWERPOINT,),
    "xlsm": (MACRO_TYPES[XLSX],),
    "docm": (MACRO_TYPES[DOCX],),
    "pptm": (MACRO_TYPES[PPTX],),
    **dict(zip(("odt", "ods", "odp"), ((type,) for type in _OPEN_DOCUMENT), strict=True)),
    "epub": (_EPUB,),
    "jar": (JAR,),
}
"""Endings of names, and what a file so called may be."""

_OTHER_NAMES = {
    "binary/octet-stream": UNKNOWN,
    "image/jpg": "image/jpeg",
    "application/csv": "text/csv",
    "text/json": "application/json",
    "application/jsonl": "application/x-ndjson",
    "application/ndjson": "application/x-ndjson",
    "application/vnd.apache.arrow": ARROW_FILE,
    "application/parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "application/x-zip-compressed": ZIP,
    "application/x-gzip": "application/gzip",
    "application/sqlite3": "application/vnd.sqlite3",
    "application/yml": "application/yaml",
    "text/xml": XML,
    "application/xhtml+xml": HTML,
}
_MADE_OF = {
    ZIP: frozenset({_NPZ, XLSX, DOCX, PPTX, *_OPEN_DOCUMENT, _EPUB}),
    OLE: frozenset({EXCEL, WORD, POWERPOINT}),
    _HDF5: frozenset({_NETCDF}),
}
"""Types whose files are also of a wider type, as their first bytes may show only."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_PATTERN = re.compile(rf"\*/\*|[a-z0-9-]+/\*|{_MEDIA_TYPE.pattern}")
_WITHIN_IMAGES = re.compile(rb"<script|<html|<iframe|<!doctype html|<\?php", re.IGNORECASE)
_ZIP_END, _ZIP_END_SIZE = b"PK\x05\x06", 22
_NEVER_ARCHIVES = TEXT_TYPES | {"application/pdf", "application/rtf"}
"""Besides images, what takes anything behind its end, as an archive takes anything before its beginning."""
_ENDS = {PARQUET: (b"PAR1", b"PARE"), ARROW_FILE: (b"ARROW1",)}


def sniff(head: bytes, name: str, said: str | None = None) -> str:
    """The media type of a file, by its first bytes (`HEAD` of them, or all).

    `name` is what it is called, `said` the type it was said to be; a `FileTypeError` says which of them contradicts
    the content.
    """
    claim = media_type(said) if said is not None else None
    suffix = ending_of(name)
    endings = _SUFFIXES.get(suffix, ())
    wanted = claim if claim in TEXT_TYPES and endings in {(), (PLAIN,)} else endings[0] if endings else claim
    text = None if is_readable_format(head) else as_text(head)
    found = text_type(text, wanted) if text is not None else binary_type(head) or library_type(head)
    if found.startswith("image/") and (_WITHIN_IMAGES.search(head) or b"%PDF-" in head[:1024]) and found != SVG:
        raise FileTypeError(f"{shortened(name)!r} begins as {found} but holds a page or a script", type=found)
    if endings:
        found = _agreed(found, endings, name, f"its name ends with .{suffix}")
    if claim is not None and claim != UNKNOWN:
        found = _agreed(found, (claim,), name, f"it was said to be {claim}")
    return found


def ending_of(name: str) -> str:
    """The ending of a name, in small letters: what is behind its last dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def said_by(name: str) -> tuple[str, ...]:
    """The types that a file so called may be of; none if its ending says nothing."""
    return _SUFFIXES.get(ending_of(name), ())


def check_end(tail: bytes, name: str, type: str) -> None:
    """Look at the last bytes of a file (`HEAD` of them, or all) once it is whole; `FileTypeError` if they don't fit."""
    ends = _ENDS.get(type)
    if ends and not tail.endswith(ends):
        raise FileTypeError(f"{shortened(name)!r} begins as {type} but does not end so; is it whole?", type=type)
    if type in MACRO_TYPES and MACROS in tail:
        raise FileTypeError(f"{shortened(name)!r} holds macros", hint="save it without them", type=MACRO_TYPES[type])
    if type == ZIP and b"META-INF/MANIFEST.MF" in tail:
        raise FileTypeError(f"{shortened(name)!r} is a program in Java", type=JAR)
    if (type in _NEVER_ARCHIVES or type.startswith("image/")) and _ends_as_zip(tail):
        raise FileTypeError(f"{shortened(name)!r} begins as {type} but ends as an archive", type=type)


def media_type(text: object) -> str:
    """A media type as it is kept: in small letters, without parameters, by its usual name."""
    kept = text.partition(";")[0].strip().lower() if isinstance(text, str) else ""
    if not _MEDIA_TYPE.fullmatch(kept):
        raise InvalidInputError(f"{text!a} is no media type; one looks like text/csv")
    return _OTHER_NAMES.get(kept, kept)


def patterns_of(text: str) -> tuple[str, ...]:
    """A list of allowed types from a setting: parted by commas, each `text/csv`, `image/*` or `*/*`; checked."""
    patterns = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise InvalidInputError(f"{pattern!a} is no media type; one looks like text/csv, image/* or */*")
    if not patterns:
        raise InvalidInputError(
            "a list of allowed types that is empty allows no file at all; name one, such as text/csv"
        )
    return tuple(_OTHER_NAMES.get(pattern, pattern) for pattern in patterns)


def allowed(type: str, patterns: Iterable[str] = DEFAULT_TYPES) -> bool:
    """Whether files of a type may come in. A pattern is a type, or a wildcard: `image/*`, `*/*`."""
    kind = type.partition("/")[0]
    return any(
        pattern == type or (pattern in {"*/*", f"{kind}/*"} and type not in ACTIVE_TYPES) for pattern in patterns
    )


def need_allowed(type: str, name: str, patterns: Iterable[str] = DEFAULT_TYPES) -> None:
    """Refuse a file whose type may not come in."""
    if not allowed(type, patterns):
        known = "of no known type" if type == UNKNOWN else f"of type {type}"
        refused = FileTypeError(
            f"{shortened(name)!r} is {known}, and such files are not taken here",
            hint="the setting BURGEE_FILES_TYPES lists the types that are; one that could run must be named in full",
            type=type,
        )
        if type == UNKNOWN and not has_library():
            refused.add_note("libmagic would know more types: pip install 'burgee[files]', apt-get install libmagic1")
        raise refused


def _agreed(found: str, claims: tuple[str, ...], name: str, why: str) -> str:
    """What a file is if its content and a claim are both right."""
    narrower = next((claim for claim in claims if claim in _MADE_OF.get(found, ())), None)
    if narrower:
        return narrower
    for claim in claims:
        wider = found in _MADE_OF.get(claim, ()) or (claim == PLAIN and found in TEXT_TYPES - ACTIVE_TYPES)
        if wider or _bare(found) == _bare(claim) or (found, claim) == (CSV, EXCEL):  # as browsers on Windows say
            return found
    if found == UNKNOWN and not any(claim in _KNOWN for claim in claims):
        return found
    what = "of no known type" if found == UNKNOWN else found
    raise FileTypeError(f"{shortened(name)!r} is {what} by its content, but {why}", type=found)


def _bare(type: str) -> str:
    """A type without the `x-` of those that were not registered once."""
    return type.replace("/x-", "/", 1)


def _ends_as_zip(tail: bytes) -> bool:
    """Whether a ZIP file ends here: its last record is followed by a comment as long as it says (APPNOTE 4.3.16)."""
    at = tail.rfind(_ZIP_END)
    comment = int.from_bytes(tail[at + 20 : at + 22], "little")
    return at >= 0 and at + _ZIP_END_SIZE + comment == len(tail)


_KNOWN = frozenset(type for types in _SUFFIXES.values() for type in types) | TEXT_TYPES
