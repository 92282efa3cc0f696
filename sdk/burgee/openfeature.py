"""burgee behind OpenFeature: `from burgee.openfeature import BurgeeProvider`. It needs the extra `openfeature`."""

from burgee.flags.applications.openfeature import BurgeeProvider, ExposureHook

__all__ = ["BurgeeProvider", "ExposureHook"]
