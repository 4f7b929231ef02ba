"""What the model reads: named tensors, how they are handed to forward, and which of their axes are dynamic."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.errors import ExportError
from eeinfer.export.graph.index import BATCH
from eeinfer.export.reference import INPUT

Array = NDArray[Any]
Example = Tensor | Array | Sequence[Tensor | Array] | Mapping[str, Tensor | Array]
Dynamic = Mapping[str, Mapping[int, tuple[str, int, int]]]
Bounds = tuple[int, int]  # smallest and largest size, both included


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The inputs in the order in which forward takes them; examples have one row each, on the CPU."""

    example: dict[str, Tensor]  # by name
    by_name: bool  # whether forward takes them as keywords
    dynamic: dict[str, dict[int, str]]  # input -> axis -> name of the dynamic axis
    axes: dict[str, Bounds]  # by the name of the axis

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.example)

    def call(self, model: nn.Module, tensors: Sequence[Tensor]) -> Any:
        """Run `model` on one tensor for each input."""
        return model(**dict(zip(self.names, tensors, strict=True))) if self.by_name else model(*tensors)

    def lengths(self) -> dict[str, int]:
        """How long the dynamic axes of the example are."""
        return {
            axis: self.example[name].shape[at] for name, places in self.dynamic.items() for at, axis in places.items()
        }

    def shape(self, name: str, lengths: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of one row of an input, where dynamic axes are as long as `lengths` says."""
        places = self.dynamic.get(name, {})
        sizes = self.example[name].shape
        return tuple(lengths[places[at]] if at in places else sizes[at] for at in range(1, len(sizes)))

    def rows(self, given: Any) -> dict[str, Array]:
        """Return the caller's prepared inputs [N, ...], one array per input.

        Raises:
            ExportError: they are not what the model reads.
        """
        found = _named(given, self.names, what="real_inputs")
        if set(found) != set(self.names):
            raise ExportError(f"real_inputs has {_listed(found)}; the model reads {_listed(self.names)}")
        arrays = {name: _plain(found[name], f"real_inputs {name!r}").numpy() for name in self.names}
        if len({len(array) for array in arrays.values()}) > 1:
            raise ExportError("real_inputs have different numbers of rows; give every input as many")
        lengths: dict[str, int] = {}
        for name, array in arrays.items():
            self._check_rows(name, array, lengths)
        return arrays

    def _check_rows(self, name: str, array: Array, lengths: dict[str, int]) -> None:
        example, places = self.example[name], self.dynamic.get(name, {})
        wanted = ["N", *(places.get(at, size) for at, size in enumerate(example.shape[1:], 1))]
        fits = array.ndim == example.ndim and len(array) > 0
        fits = fits and array.dtype == torch.empty(0, dtype=example.dtype).numpy().dtype
        for at in range(1, array.ndim if fits else 0):
            axis = places.get(at)
            if axis is None:
                fits = fits and array.shape[at] == example.shape[at]
            else:
                fits = fits and lengths.setdefault(axis, array.shape[at]) == array.shape[at]
                fits = fits and self.axes[axis][0] <= array.shape[at] <= self.axes[axis][1]
        if not fits:
            dtype = str(example.dtype).removeprefix("torch.")
            raise ExportError(
                f"real_inputs {name!r} is {array.dtype} {list(array.shape)}; give {dtype} "
                f"[{', '.join(map(str, wanted))}], prepared as the model reads it"
            )


def read_inputs(model: nn.Module, example: Any, dynamic: Dynamic | None = None) -> Inputs:
    """Look at an example and at what its dynamic axes shall be.

    Args:
        model: whose forward names the parameters where the example is a tuple.
        example: a tensor [B, ...], a tuple of tensors or a mapping from names to tensors; NumPy arrays will do.
        dynamic: input -> axis -> (name, smallest size, largest size).

    Raises:
        ExportError: the example is none of these or has no rows, or a dynamic axis does not fit it.
    """
    by_name = isinstance(example, Mapping)
    named = _named(example, _parameters(model), what="the example")
    tensors = {name: _plain(value, f"the example {name!r}")[:1].contiguous() for name, value in named.items()}
    for name, value in named.items():
        _check_name(name)
        if len(value) != len(next(iter(named.values()))):
            raise ExportError("the example's tensors have different numbers of rows; axis 0 of each must be the batch")
    places = {name: {at: axis for at, (axis, _, _) in axes.items()} for name, axes in _checked(dynamic).items()}
    inputs = Inputs(example=tensors, by_name=by_name, dynamic=places, axes=_axes(dynamic or {}, tensors))
    return inputs


def _named(value: Any, names: Sequence[str], *, what: str) -> dict[str, Any]:
    if isinstance(value, (Tensor, np.ndarray)):
        return {names[0] if what != "the example" else INPUT: value}
    if isinstance(value, Mapping) and value:
        return {str(name): entry for name, entry in value.items()}
    if isinstance(value, (tuple, list)) and value and all(isinstance(entry, (Tensor, np.ndarray)) for entry in value):
        if len(value) > len(names):
            raise ExportError(f"{what} has {len(value)} tensors, the model's forward takes {len(names)}")
        return dict(zip(names, value, strict=False))
    raise ExportError(
        f"{what} is {'an empty ' if value in ((), [], {}) else ''}{type(value).__name__}; give a tensor with the batch "
        "on axis 0, a tuple of tensors, or a mapping from names to tensors"
    )


def _parameters(model: nn.Module) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(model.forward).parameters.values()
    names = [entry.name for entry in found if entry.kind in kinds]
    if any(entry.kind is inspect.Parameter.VAR_POSITIONAL for entry in found):
        names += [f"input_{position}" for position in range(len(names), 16)]
    return names


def _plain(value: Any, what: str) -> Tensor:
    """Return a dense CPU tensor: floating-point numbers as float32, whole ones and truth values unchanged."""
    if not isinstance(value, (Tensor, np.ndarray)):
        raise ExportError(f"{what} is of type {type(value).__name__}; give a tensor with the batch on axis 0")
    try:
        tensor = torch.from_numpy(np.array(value, order="C")) if isinstance(value, np.ndarray) else value.detach()
    except TypeError as error:
        raise ExportError(f"{what} is an array of {value.dtype}; give numbers") from error
    if tensor.is_meta or tensor.is_sparse or tensor.is_complex():
        raise ExportError(f"{what} is {tensor.dtype} on {tensor.device}; give a dense tensor of real numbers")
    if tensor.ndim == 0 or tensor.numel() == 0:
        raise ExportError(f"{what} has the shape {list(tensor.shape)}; give at least one row, the batch on axis 0")
    return tensor.to("cpu", torch.float32) if tensor.is_floating_point() else tensor.cpu()


def _check_name(name: str) -> None:
    taken = any(name == kind or name.startswith((f"{kind}_0", "carried_")) for kind in EXIT_OUTPUTS)
    if taken or name == BATCH or not name.isidentifier():
        raise ExportError(f"an input cannot be called {name!r}; the bundle needs that name, or it is no identifier")


def _checked(dynamic: Any) -> dict[str, dict[int, tuple[str, int, int]]]:
    """Refuse what is not input -> axis -> (name, smallest, largest)."""
    found: dict[str, dict[int, tuple[str, int, int]]] = {}
    for name, axes in (dynamic or {}).items():
        for at, entry in axes.items() if isinstance(axes, Mapping) else ((None, axes),):
            if not (isinstance(at, int) and isinstance(entry, tuple) and [*map(type, entry)] == [str, int, int]):
                raise ExportError(
                    f"dynamic[{name!r}] is {axes!r}; give each axis its name and bounds: {{1: ('length', 1, 512)}}"
                )
            found.setdefault(name, {})[at] = entry
    return found


def _axes(dynamic: Dynamic, tensors: Mapping[str, Tensor]) -> dict[str, Bounds]:
    known: dict[str, Bounds] = {}
    sizes: dict[str, int] = {}
    for name, axes in _checked(dynamic).items():
        if name not in tensors:
            raise ExportError(f"dynamic names the input {name!r}; the model reads {_listed(tensors)}")
        for at, (axis, low, high) in axes.items():
            where = f"axis {at} of {name!r}"
            if not 1 <= at < tensors[name].ndim:
                raise ExportError(f"{where} cannot be dynamic; axes 1 to {tensors[name].ndim - 1} can, 0 is the batch")
            if axis == BATCH or not (axis.isidentifier() and axis.isascii()):
                raise ExportError(f"{where} cannot be called {axis!r}; choose another word")
            size = tensors[name].shape[at]
            if not (1 <= low < high and max(low, 2) <= size <= high):
                raise ExportError(
                    f"{where} is {size} in the example and shall be {low} to {high}; give an example within the "
                    "bounds, longer than 1 (PyTorch takes a size of 1 for a constant)"
                )
            if known.setdefault(axis, (low, high)) != (low, high) or sizes.setdefault(axis, size) != size:
                raise ExportError(f"{where} is called {axis!r} like another one; give both one size and one range")
    return known


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))
