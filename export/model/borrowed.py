"""The caller's model, on the CPU in float32 and eval mode, for as long as it is looked at; afterwards it is as it was.

Its tensors are replaced for that time by copies of their values, and not the model by a deep copy: hooks that are
closures, tensors that are no leaves and objects that cannot be copied would break one.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from eeinfer.errors import ExportError, ExportWarning, first_line
from eeinfer.export.model.state import remember


@contextlib.contextmanager
def borrowed(model: nn.Module) -> Iterator[nn.Module]:
    """Yield `model` without wrappers, with float32 copies of its weights on the CPU, in eval mode.

    Weights in half or double precision are exported in float32, with a warning. What forward changes meanwhile
    (buffers, attributes and what they contain, tensors that are no buffers, PyTorch's random state) is put back, also
    after an error.

    Raises:
        ExportError: it is no module, is scripted or traced, or has weights without values.
    """
    module = unwrapped(model)
    _check(module)
    with contextlib.ExitStack() as undo, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = remember(module, undo)
        _unwrap_parts(module)
        narrow = {str(tensor.dtype).removeprefix("torch.") for tensor in _copy_tensors(module, undo)}
        if narrow:
            warnings.warn(
                f"{type(module).__name__} has weights in {', '.join(sorted(narrow))}; they are exported in float32 "
                "(eeinfer export --precision makes smaller bundles)",
                ExportWarning,
                stacklevel=4,
            )
        _copy_plain(state, module, undo)
        module.eval()
        yield module


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside torch.compile's and DataParallel's wrappers."""
    if not isinstance(model, nn.Module):
        raise ExportError(f"the model is of type {type(model).__name__}; give an instance of torch.nn.Module")
    inner = getattr(model, "_orig_mod", None)  # of torch.compile; it has no public name
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        inner = model.module
    return unwrapped(inner) if isinstance(inner, nn.Module) else model


def _check(module: nn.Module) -> None:
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise ExportError(
                f"{_called(name, part.original_name, module)} is scripted or traced by torch.jit; "
                "give the nn.Module that it was made from"
            )
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise ExportError(
                f"{name} of {type(module).__name__} is lazy and has no values yet; run the model once on an example, "
                "train it or load its weights, then export"
            )
        if tensor.is_meta:
            raise ExportError(
                f"{name} of {type(module).__name__} is on the meta device and has no values; give the model memory "
                "with to_empty(device='cpu') and load its weights, then export"
            )


def _called(name: str, kind: str, module: nn.Module) -> str:
    return f"{name} of {type(module).__name__}" if name else kind


def _unwrap_parts(module: nn.Module) -> None:
    for part in list(module.modules()):
        part.__dict__["_compiled_call_impl"] = None  # of Module.compile()
        for name, child in part.named_children():
            if (inner := unwrapped(child)) is not child:
                part._modules[name] = inner


def _copy_tensors(module: nn.Module, undo: contextlib.ExitStack) -> list[Tensor]:
    """Let every parameter and buffer have copied values; return those that were not stored in float32."""
    narrow = []
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        values = tensor.data
        try:
            tensor.data = _as_float32(values)
        except Exception as error:  # subclasses of Tensor refuse with whatever they have
            raise ExportError(
                f"{name} of {type(module).__name__} is a {type(values).__name__} in {values.dtype}, which cannot be "
                f"copied to the CPU in float32 ({first_line(error)}); give a model with plain weights"
            ) from error
        undo.callback(_put_back, tensor, values)
        if values.is_floating_point() and values.dtype != torch.float32:
            narrow.append(values)
    return narrow


def _copy_plain(state: list[Tensor], module: nn.Module, undo: contextlib.ExitStack) -> None:
    """Let tensors that are neither parameters nor buffers have copied values too, as far as they allow it."""
    copied = {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
    for tensor in state:
        if id(tensor) not in copied:
            with contextlib.suppress(Exception):  # subclasses of Tensor refuse with whatever they have
                values = tensor.data
                tensor.data = _as_float32(values)
                undo.callback(_put_back, tensor, values)


def _put_back(tensor: Any, values: Tensor) -> None:
    tensor.data = values


def _as_float32(values: Tensor) -> Tensor:
    dtype = torch.float32 if values.is_floating_point() else values.dtype
    return values.detach().to("cpu", dtype, copy=True)
