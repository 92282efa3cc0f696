"""Typed settings of a tenant (R4.6, R4.10): a pydantic model says what there is; the log keeps what was set."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, override

from pydantic import BaseModel, ValidationError

from burgee.core.display import Sheet, Shown
from burgee.core.errors import InvalidInputError, did_you_mean
from burgee.core.json import Json
from burgee.tenants.model import TenantState

if TYPE_CHECKING:
    import pandas as pd


class TenantConfig[TSettings: BaseModel](Shown):
    """A tenant's settings as one model. Immutable: `update` returns the new ones."""

    __slots__ = ("_frame", "_save", "_state", "value")

    def __init__(
        self,
        model: type[TSettings],
        state: TenantState,
        save: Callable[[Mapping[str, Json], str | None, int], TenantState],
        frame: "Callable[[], pd.DataFrame]",
    ) -> None:
        if BaseModel not in getattr(model, "__mro__", ()):
            raise InvalidInputError(f"settings are typed by a pydantic model, not by {model!r}")
        self._state = state
        self._save = save
        self._frame = frame
        known = {name: value for name, value in state.settings.items() if name in model.model_fields}
        self.value: TSettings = _validated(model, known)
        """The settings, with the model's defaults for what was never set."""

    def update(self, *, why: str | None = None, **changes: object) -> "TenantConfig[TSettings]":
        """Set some; `None` takes one back to its default where the model does not allow none.

        Raises:
            InvalidInputError: the model has no such setting, or refuses the value. Nothing is stored then.
            ConcurrencyError: somebody else changed the settings since these were read.
        """
        model = type(self.value)
        for name in changes:
            if name not in model.model_fields:
                hint = did_you_mean(name, model.model_fields, plural="settings")
                raise InvalidInputError(f"{model.__name__} has no setting {name!r}", hint=hint)
        stored = {name: value for name, value in self._state.settings.items() if name in model.model_fields}
        merged = {name: value for name, value in {**stored, **changes}.items() if value is not None}
        plain = _validated(model, merged).model_dump(mode="json")
        wanted: dict[str, Json] = {name: plain[name] if name in merged else None for name in changes}
        state = self._save(wanted, why, self._state.version)
        return TenantConfig(model, state, self._save, self._frame)

    def history(self) -> "pd.DataFrame":
        """Every change of the tenant: `version, at, actor, change, before, after, why`."""
        return self._frame()

    @override
    def __repr__(self) -> str:
        return f"<TenantConfig of {self._state.id!r}: {self.value!r}>"

    @override
    def _sheet(self) -> Sheet:
        rows = [
            (name, getattr(self.value, name), "" if name in self._state.settings else "default")
            for name in type(self.value).model_fields
        ]
        return Sheet(f"Settings of {self._state.id}", ("setting", "value", ""), rows)


def _validated[M: BaseModel](model: type[M], values: Mapping[str, object]) -> M:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"setting {place!r}: {first['msg']}") from None
