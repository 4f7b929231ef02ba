"""TensorRT as far as building goes, on a machine without a GPU: what it has beyond TensorRT-RTX, over TensorRT-RTX."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest

VERSION = "11.4.0"
DAMAGED = b"damaged"


class TimingCache:
    """Holds one byte for each plan that was built with it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self) -> bytes:
        return self.data


class Options:
    """A builder's configuration that knows timing caches and no compute capabilities."""

    def __init__(self, real: Any) -> None:
        self.__dict__["real"] = real
        self.__dict__["cache"] = None

    def create_timing_cache(self, data: bytes) -> TimingCache | None:
        return None if data == DAMAGED else TimingCache(data)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.__dict__["cache"] = cache
        return True

    def __getattr__(self, name: str) -> Any:
        if "compute_capabilit" in name:
            raise AttributeError(name)
        return getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "compute_capabilit" in name:
            raise AttributeError(name)
        setattr(self.real, name, value)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``import tensorrt`` find it until the test is over."""
    rtx = pytest.importorskip("tensorrt_rtx")

    class Builder:
        def __init__(self, log: Any) -> None:
            self.real = rtx.Builder(log)

        def create_builder_config(self) -> Options:
            return Options(self.real.create_builder_config())

        def build_serialized_network(self, network: Any, options: Options) -> Any:
            options.cache.data += b"."
            return self.real.build_serialized_network(network, options.real)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    module = ModuleType("tensorrt")
    module.__spec__ = ModuleSpec("tensorrt", None)
    module.__dict__.update({name: getattr(rtx, name) for name in dir(rtx) if name[0].isupper()})
    del module.ComputeCapability
    module.__dict__.update(Builder=Builder, __version__=VERSION)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
