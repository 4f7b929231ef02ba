"""PyTorch, each segment compiled."""

import shutil
from typing import Any

from eeinfer.bench.peers.base import Setup, Unavailable, needs
from eeinfer.bench.peers.kinds.torch_eager import Eager

_COMPILERS = ("g++", "clang++", "cl")


class Compiled(Eager):
    """`torch.compile` with its default backend on every segment; a free batch size only where there are batches."""

    note = "torch.compile on each segment (inductor); opening includes compiling, the cache empty"
    backend = "inductor"

    @classmethod
    def libraries(cls) -> None:
        """Import PyTorch's compiler as well."""
        super().libraries()
        needs("torch._dynamo")
        if cls.backend == "inductor":
            import torch._inductor.config

            if not any(map(shutil.which, (*_COMPILERS, *_cxx(torch._inductor.config.cpp.cxx)))):
                raise Unavailable(f"no C++ compiler here, and inductor needs one of {', '.join(_COMPILERS)}")

    def __init__(self, setup: Setup) -> None:
        import os

        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(self.folder(setup) / "cache"))
        super().__init__(setup)

    def ready(self, segments: list[Any]) -> list[Any]:
        """Compile; the first call does the work."""
        import torch

        return [torch.compile(part, backend=self.backend, dynamic=self.setup.batch > 1) for part in segments]


def _cxx(setting: Any) -> list[str]:
    names = setting if isinstance(setting, (list, tuple)) else [setting]
    return [str(name) for name in names if name]
