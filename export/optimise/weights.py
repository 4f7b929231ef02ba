"""Weights of a graph that ONNX Runtime saved: reading them, and putting new ones behind them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import ExternalDataInfo, set_external_data

_ALIGNED = 64  # bytes: what a line of the cache holds


@dataclass(frozen=True)
class Weights:
    """The initialisers of ``graph``, those outside of it in files of ``folder``."""

    graph: onnx.GraphProto
    folder: Path

    def numbers(self, name: str) -> NDArray[Any] | None:
        """Return the numbers of an initialiser; None: there is none of this name."""
        tensor = self._tensor(name)
        return None if tensor is None else numpy_helper.to_array(tensor, str(self.folder))

    def add(self, name: str, numbers: NDArray[Any], like: str = "") -> str:
        """Add an initialiser, outside of the graph where the one called ``like`` lies there; return its name.

        Raises:
            OSError: the file cannot be written.
        """
        tensor, old = numpy_helper.from_array(numbers, name), self._tensor(like)
        if old is not None and old.data_location == TensorProto.EXTERNAL:
            self._move_outside(tensor, ExternalDataInfo(old).location)
        self.graph.initializer.append(tensor)
        return name

    def _tensor(self, name: str) -> onnx.TensorProto | None:
        return next((tensor for tensor in self.graph.initializer if tensor.name == name), None)

    def _move_outside(self, tensor: onnx.TensorProto, location: str) -> None:
        with (self.folder / location).open("ab") as file:
            offset = -(-file.tell() // _ALIGNED) * _ALIGNED
            file.write(bytes(offset - file.tell()) + tensor.raw_data)
        set_external_data(tensor, location, offset, len(tensor.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
