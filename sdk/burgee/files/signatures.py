"""What a file is by its first bytes, for the formats that matter here: one answer on every machine.

Sources: the formats' own specifications (Parquet, Arrow, Avro, ORC, HDF5, ZIP's APPNOTE, ECMA-376, OpenDocument) and
the WHATWG MIME Sniffing standard; media types are IANA's where there is one. What is not here is left to libmagic,
where it is installed. The packages that would bring it along bring either an old release with a known flaw
(CVE-2022-48554), or are too young to be given what strangers upload.
"""

import threading
from collections.abc import Callable, Iterator
from functools import cache

UNKNOWN = "application/octet-stream"
PARQUET = "application/vnd.apache.parquet"
ARROW_FILE = "application/vnd.apache.arrow.file"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ZIP = "application/zip"
JAR = "application/java-archive"
XLSX, DOCX, PPTX = (
    f"application/vnd.openxmlformats-officedocument.{kind}"
    for kind in ("spreadsheetml.sheet", "wordprocessingml.document", "presentationml.presentation")
)
MACRO_TYPES = {
    XLSX: "application/vnd.ms-excel.sheet.macroenabled.12",
    DOCX: "application/vnd.ms-word.document.macroenabled.12",
    PPTX: "application/vnd.ms-powerpoint.presentation.macroenabled.12",
}
MACROS = b"vbaProject.bin"
"""The part of an Office document that holds its macros."""
OLE = "application/x-ole-storage"
MACHO = "application/x-mach-binary"
EXECUTABLE = "application/vnd.microsoft.portable-executable"
PICKLE = "application/x-python-pickle"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", PARQUET),
    (b"PARE", PARQUET),  # with an encrypted footer
    (b"ARROW1\x00\x00", ARROW_FILE),
    (b"Obj\x01", "application/vnd.apache.avro"),
    (b"ORC", "application/vnd.apache.orc"),
    (b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (b"CDF\x01", "application/x-netcdf"),
    (b"CDF\x02", "application/x-netcdf"),
    (b"CDF\x05", "application/x-netcdf"),
    (b"\x93NUMPY", "application/x-npy"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"<stata_dta>", "application/x-stata-dta"),
    (b"$FL2", "application/x-spss-sav"),
    (b"$FL3", "application/x-spss-sav"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"PK\x05\x06", ZIP),  # an empty one
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"\x7fELF", "application/x-elf"),
    (b"\xfe\xed\xfa\xce", MACHO),
    (b"\xfe\xed\xfa\xcf", MACHO),
    (b"\xce\xfa\xed\xfe", MACHO),
    (b"\xcf\xfa\xed\xfe", MACHO),
    (b"\xca\xfe\xba\xbe", MACHO),  # also a class of Java: programs, both
    (b"\x00asm", "application/wasm"),
    (b"dex\n", "application/x-dex"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (b"ITSF", "application/x-chm"),
    (b"MZ", EXECUTABLE),
    (b"MSCF", "application/vnd.ms-cab-compressed"),
    (b"#!", "text/x-script"),
)

_READABLE = (b"%PDF-", b"{\\rtf", b"%!PS", b"#!", b"<stata_dta>")
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_LOCAL_HEADER = b"PK\x03\x04"
_LOCAL_HEADER_SIZE = 30
_SIZE_FOLLOWS = 1 << 3
_OFFICE_MARKS = (b"[Content_Types].xml", b"_rels/", b"docProps/")


def is_readable_format(head: bytes) -> bool:
    """Whether content that could be a text is of a format whose files are, or may begin, as text."""
    return head.startswith(_READABLE)


def binary_type(head: bytes) -> str | None:
    """The media type of content that is no text, by its first bytes; None if they are of no format known here."""
    if head.startswith(_LOCAL_HEADER):
        return _zip_type(head)
    found = next((type for start, type in _STARTS if head.startswith(start)), None)
    return found or next((type for type, fits in _FORMS if fits(head)), None)


def has_library() -> bool:
    """Whether libmagic is there: the extra `files`, and the library itself, which the system's packages bring."""
    return _libmagic() is not None


def library_type(head: bytes) -> str:
    """What libmagic says, where it is there; else `application/octet-stream`."""
    ask = _libmagic()
    return UNKNOWN if ask is None else ask(head).lower() or UNKNOWN


def _zip_type(head: bytes) -> str:
    names = list(_entry_names(head))
    if any(name in {b"META-INF/MANIFEST.MF", b"META-INF/", b"AndroidManifest.xml", b"classes.dex"} for name in names):
        return JAR
    if names and names[0] == b"mimetype":
        said = head[_LOCAL_HEADER_SIZE + len(b"mimetype") :].partition(b"PK")[0][:100].decode("ascii", "replace")
        return said if said.startswith(_OPEN_DOCUMENT) or said == "application/epub+zip" else ZIP
    if any(name.startswith(_OFFICE_MARKS) for name in names):
        for folder, office in ((b"xl/", XLSX), (b"word/", DOCX), (b"ppt/", PPTX)):
            if any(name.startswith(folder) for name in names):
                return MACRO_TYPES[office] if any(name.endswith(MACROS) for name in names) else office
    return ZIP


def _entry_names(head: bytes) -> Iterator[bytes]:
    """The names in a ZIP file's first bytes, as its local headers give them (APPNOTE 4.3.7).

    An entry's size may stand after it only; then the next header is looked for.
    """
    start = 0
    while 0 <= start <= len(head) - _LOCAL_HEADER_SIZE and head.startswith(_LOCAL_HEADER, start):
        flags, size, name, extra = (
            int.from_bytes(head[start + first : start + last], "little")
            for first, last in ((6, 8), (18, 22), (26, 28), (28, 30))
        )
        begin = start + _LOCAL_HEADER_SIZE
        yield head[begin : begin + name]
        start = begin + name + extra
        start = head.find(_LOCAL_HEADER, start) if flags & _SIZE_FOLLOWS else start + size


def _is_arrow_stream(head: bytes) -> bool:
    """A message begins with a mark, the length of its metadata (a multiple of 8), and a flatbuffer's first offset."""
    size = int.from_bytes(head[4:8], "little")
    root = int.from_bytes(head[8:12], "little")
    return head.startswith(b"\xff\xff\xff\xff") and size > 0 and size % 8 == 0 and 0 < root < size


def _is_pickle(head: bytes) -> bool:
    """Python's pickle, protocols 2 to 5; of the last two also the frame they begin with (PEP 3154)."""
    return head.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95"))


def _is_old_stata(head: bytes) -> bool:
    """A file of Stata 8 to 12 (`help dta_115`): its version, the order of its bytes, and two marks."""
    return head[:1] in {b"q", b"r", b"s"} and head[1:4] in {b"\x01\x01\x00", b"\x02\x01\x00"}


_FORMS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    (ARROW_STREAM, _is_arrow_stream),
    (PICKLE, _is_pickle),
    ("application/x-stata-dta", _is_old_stata),
    ("image/webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    ("image/avif", lambda head: head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"}),
    ("image/heic", lambda head: head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"msf1"}),
    ("image/bmp", lambda head: head[:2] == b"BM" and head[6:10] == bytes(4)),
    ("application/x-tar", lambda head: head[257:262] == b"ustar"),
    ("application/x-duckdb", lambda head: head[8:12] == b"DUCK"),
)


@cache
def _libmagic() -> Callable[[bytes], str] | None:
    """The answer of libmagic for some bytes: one handle, by turns. None where there is no libmagic."""
    try:
        import magic
    except ImportError:  # of python-magic, or of the library it looks for
        return None
    handle = magic.Magic(mime=True)
    turn = threading.Lock()

    def ask(head: bytes) -> str:
        with turn:
            try:
                return str(handle.from_buffer(head))
            except magic.MagicException:
                return UNKNOWN

    return ask
