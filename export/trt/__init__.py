"""Segments of a bundle compiled into TensorRT plans, ahead of time and one per segment."""

from typing import TYPE_CHECKING

from eeinfer.export.trt.config import TrtConfig as TrtConfig

if TYPE_CHECKING:
    from eeinfer.export.trt.api import build_plans as build_plans
else:

    def __getattr__(name: str) -> object:
        """Import what builds only for those who build: the command line reads its defaults here."""
        if name != "build_plans":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from eeinfer.export.trt.api import build_plans

        return build_plans
