"""Flags that come from flagd, and flags for it: the verbs of `acme.flags` that read and write its definitions."""

from collections.abc import Iterable, Iterator, Mapping

from burgee.core.checks import listed_texts
from burgee.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from burgee.core.link import Link
from burgee.flags.flagd.exporting import FlagdExport, export_flagd
from burgee.flags.flagd.importing import MADE, REFUSED, THERE, FlagdImport, Imported, Read, Source, read_flagd
from burgee.flags.model import FlagState, Ruleset
from burgee.flags.protocol import FlagService


class FlagdExchange:
    """Definitions of flagd's, in and out."""

    __slots__ = ()
    _known: dict[str, FlagState]
    _link: Link
    _service: FlagService

    def import_flagd(
        self,
        source: Source,
        *,
        attributes: Mapping[str, str] | None = None,
        exist_ok: bool = False,
        why: str | None = None,
    ) -> FlagdImport:
        """Make flags of a flagd definition, which serve what flagd serves.

        `fractional` goes by flagd's own buckets, so everybody keeps the variant. A flag with something that can't be
        said exactly is not made, and the answer says why; what is not quite the same is noted there, too.

        Args:
            source: a file, its text, or what it says.
            attributes: other names for flagd's attributes, as nested ones need: `{"user.email": "email"}`.
            exist_ok: flags that are there already are left as they are.
            why: a word for their history.

        Returns:
            What became of each flag: `.made`, `.refused`, `.frame()`.

        Raises:
            InvalidInputError: it is no definition.
            UnreadableFileError: there is no such file, or it holds no JSON.
            AlreadyExistsError: one of the flags is there already; none is made.
        """
        read = read_flagd(source, attributes)
        if not exist_ok:
            there = self._link.call(self._service.ruleset()).flags
            for one in read:
                if one.spec is not None and one.key in there:
                    raise AlreadyExistsError("flag", one.key, hint="import_flagd(…, exist_ok=True) leaves it as it is")
        return FlagdImport(list(self._made(read, why)))

    def export_flagd(self, keys: str | Iterable[str] | None = None) -> FlagdExport:
        """A flagd definition of the flags, as JSON: `json.dump(acme.flags.export_flagd(), file)`.

        Args:
            keys: which flags; without them all that flagd has words for. Of the others `.left_out` says why not.

        Raises:
            InvalidInputError: flagd has no words for a flag that was named.
            NotFoundError: there is no flag of that key.
        """
        ruleset: Ruleset = self._link.call(self._service.ruleset())
        if keys is None:
            return export_flagd(ruleset, sorted(key for key, flag in ruleset.flags.items() if not flag.archived))
        named = listed_texts("flags", [keys] if isinstance(keys, str) else keys)
        for key in named:
            if key not in ruleset.flags:
                raise NotFoundError("flag", key, sorted(ruleset.flags))
        made = export_flagd(ruleset, named)
        for key, refused in made.left_out.items():
            raise InvalidInputError(f"flagd can't have flag {key!r}: {refused}")
        return made

    def _made(self, read: Iterable[Read], why: str | None) -> Iterator[Imported]:
        for one in read:
            if one.spec is None:
                yield Imported(one.key, REFUSED, one.refused)
                continue
            try:
                state = self._link.call(self._service.create(one.key, one.spec, why))
            except AlreadyExistsError:
                yield Imported(one.key, THERE)
            else:
                self._known[state.key] = state
                yield Imported(one.key, MADE, None, one.notes)
