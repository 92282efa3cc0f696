"""burgee as a provider of OpenFeature: flags of an evaluator behind the vendor-neutral client.

OpenFeature's targeting key is the attribute `id`. Reasons and error codes are OpenFeature's own words. What is served
carries as its flag metadata `version`, `rule` (where one decided) and, while the source of flags is away, `stale`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, override

from burgee.core.errors import MissingExtraError
from burgee.flags.applications.evaluator import BOOLEAN, NUMBER, STRUCTURE, TEXT, WHOLE, FlagEvaluator, Kind
from burgee.flags.applications.exposures import ExposureRecorder
from burgee.flags.applications.keeping import Notice
from burgee.flags.applications.snapshot import metadata_of
from burgee.flags.evaluation.buckets import TARGETING_KEY
from burgee.flags.model import Reason

try:
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.event import ProviderEventDetails
    from openfeature.exception import ErrorCode, ProviderNotReadyError
    from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, FlagValueType
    from openfeature.hook import Hook, HookContext, HookHints
    from openfeature.provider import AbstractProvider, Metadata
except ModuleNotFoundError as error:
    raise MissingExtraError(f"the OpenFeature provider ({error.name} is not installed)", "openfeature") from error

type Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class BurgeeProvider(AbstractProvider):
    """Flags for OpenFeature: `openfeature.api.set_provider(BurgeeProvider(acme.flags.evaluator()))`.

    It tells when flags changed, when their source is away (the provider is `STALE` then, and goes on) and when it is
    back. Shutting it down closes the evaluator.
    """

    def __init__(self, evaluator: FlagEvaluator[Mapping[str, object]]) -> None:
        super().__init__()
        self._evaluator = evaluator
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None

    @override
    def get_metadata(self) -> Metadata:
        return Metadata(name="burgee")

    @override
    def initialize(self, evaluation_context: EvaluationContext) -> None:
        with self._lock:
            if self._end is None:
                self._end = self._evaluator.listen(self._notice)
        if not self._evaluator.ready:
            raise ProviderNotReadyError(f"no flags have been fetched yet: {self._evaluator.trouble}")

    @override
    def shutdown(self) -> None:
        with self._lock:
            if self._end is not None:
                self._end()
                self._end = None
        self._evaluator.close()

    @override
    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolved(flag_key, default_value, BOOLEAN, evaluation_context)

    @override
    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolved(flag_key, default_value, TEXT, evaluation_context)

    @override
    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolved(flag_key, default_value, WHOLE, evaluation_context)

    @override
    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        found = self._resolved(flag_key, default_value, NUMBER, evaluation_context)
        found.value = float(found.value)  # JSON has one kind of number, OpenFeature two
        return found

    @override
    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        return self._resolved(flag_key, default_value, STRUCTURE, evaluation_context)

    def _resolved(
        self, key: str, default: object, kind: Kind[Any], context: EvaluationContext | None
    ) -> FlagResolutionDetails[Any]:
        found = self._evaluator.resolve(key, attributes_of(context), default, kind)
        answer = found.evaluation
        metadata = metadata_of(answer, found.version) | ({"stale": True} if self._evaluator.stale else {})
        if found.code is not None:
            code = ErrorCode(found.code)
            return FlagResolutionDetails(default, code, answer.error, Reason.ERROR.value, flag_metadata=metadata)
        return FlagResolutionDetails(answer.value, None, None, answer.reason.value, answer.variant, metadata)

    def _notice(self, notice: Notice) -> None:
        match notice.kind:
            case "changed":
                self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=list(notice.flags)))
            case "stale":
                self.emit_provider_stale(ProviderEventDetails(message=notice.error or "the source of flags is away"))
            case "fresh":
                self.emit_provider_ready(ProviderEventDetails(message="the source of flags is back"))


class ExposureHook(Hook):
    """Records what any provider serves as exposures: `client.add_hooks([ExposureHook(acme.flags.recorder())])`.

    An evaluator that records exposures itself needs none.
    """

    def __init__(self, recorder: ExposureRecorder) -> None:
        self._recorder = recorder

    @override
    def after(self, hook_context: HookContext, details: FlagEvaluationDetails[FlagValueType], hints: HookHints) -> None:
        reason = str(details.reason)
        if details.variant is None or details.error_code is not None or reason in {Reason.ERROR, Reason.DISABLED}:
            return
        version, rule = details.flag_metadata.get("version"), details.flag_metadata.get("rule")
        self._recorder.record(
            details.flag_key,
            hook_context.evaluation_context.targeting_key or "",
            details.variant,
            reason,
            rule=rule if isinstance(rule, str) else None,
            version=version if isinstance(version, int) and not isinstance(version, bool) else None,
        )


def attributes_of(context: EvaluationContext | None) -> Mapping[str, object]:
    """OpenFeature's context as burgee's: the targeting key is the attribute `id`."""
    if context is None:
        return {}
    if not context.targeting_key:
        return context.attributes
    return {**context.attributes, TARGETING_KEY: context.targeting_key}
