"""PyTorch, each segment compiled."""

import functools
import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from eeinfer.bench.peers.kinds.torch_eager import Eager
from eeinfer.bench.peers.kinds.torch_variants import Variant
from eeinfer.bench.workers.base import Setup, Unavailable, needs

_COMPILERS = ("g++", "clang++", "cl")


def _compiled(segments: list[Any], vary: bool, *, frozen: bool, backend: str = "inductor") -> list[Any]:
    import torch

    if frozen:
        import torch._inductor.config

        torch._inductor.config.freezing = True
    return [torch.compile(part, backend=backend, dynamic=vary) for part in segments]


def _captured(segments: list[Any], vary: bool) -> list[Any]:
    """Compile with CUDA graphs; each call begins by giving up the tensors of the one before."""
    import torch

    begin_call: Any = torch.compiler.cudagraph_mark_step_begin  # it has no types
    parts: list[Any] = [torch.compile(part, mode="reduce-overhead", dynamic=vary) for part in segments]

    def begin(*state: Any) -> Any:
        begin_call()
        return parts[0](*state)

    return [begin, *parts[1:]]


class Compiled(Eager):
    """`torch.compile` with its default backend on every segment; a free batch size only where there are batches."""

    note = "torch.compile (inductor) on each segment, with or without freezing, what is faster; opening compiles"
    backend: ClassVar[str] = "inductor"
    variants: ClassVar[dict[str, Variant]] = {  # the plain one first: freezing stays on once it is
        "not frozen": functools.partial(_compiled, frozen=False),
        "frozen": functools.partial(_compiled, frozen=True),
    }

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
        keep_compiled(self.folder(setup))
        super().__init__(setup)


class Captured(Compiled):
    """`torch.compile` with CUDA graphs on every segment."""

    note = "torch.compile(mode='reduce-overhead') on each segment, returning early; opening compiles and captures"
    packages = ("torch", "triton")
    variants: ClassVar[dict[str, Variant]] = {"reduce-overhead": _captured}

    @classmethod
    def libraries(cls) -> None:
        """Import Triton as well, which writes the kernels."""
        super().libraries()
        needs("triton")


def keep_compiled(folder: Path) -> None:
    """Let the compiler keep its code with what else is prepared, unless the user has said where."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder / "cache"))


def _cxx(setting: Any) -> list[str]:
    names = setting if isinstance(setting, (list, tuple)) else [setting]
    return [str(name) for name in names if name]
