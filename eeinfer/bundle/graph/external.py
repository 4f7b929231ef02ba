"""What an ONNX graph would read and do beyond its own file, found without the onnx package, and what is refused.

An ONNX file is a protocol buffer: fields of a number, a wire type and a value (numbers from onnx.proto, which never
change). Every message that can hold a tensor, a node or a graph is walked, wherever it stands. The weights of our
graphs lie in files of their own, so that there is little to walk.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eeinfer.bundle.graph.protobuf import every, fields
from eeinfer.errors import BundleError

STANDARD = frozenset({"", "ai.onnx"})  # domains of operators in a bundle
OPTIMISED = STANDARD | {"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"}  # and what ONNX Runtime makes

MOST_NODES = 200_000  # of a file
DEEPEST = 16  # graphs inside graphs
_MOST_DIGITS = 18  # of an offset or a length
_HIGHEST_TYPE = 31  # numbers of onnx's data types end before

_KEYS = frozenset({b"location", b"offset", b"length", b"checksum"})  # of external data, as onnx defines them

_MODEL = {7: "graph", 20: "training", 25: "function"}  # field number -> what is found there
_GRAPH = {1: "node", 5: "tensor", 15: "sparse"}
_ENDS = (11, 12)  # of a graph: its inputs and outputs
_PARTS = {  # of a value, an input or output, and of the messages in it: what stands there, all but axes once
    "value": {1: "name", 2: "type"},
    "type": dict.fromkeys((1, 4, 5, 7, 8, 9), "tensor type"),  # one of these
    "tensor type": {1: "data type", 2: "shape"},
    "shape": {1: "axis"},
    "axis": {1: "size", 2: "size"},  # a number or a name
}
_TEXTS = ("name", "size")
_ATTRIBUTE = {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"}
_SPARSE = {1: "tensor", 2: "tensor"}
_SINGLE = {5: "tensor", 6: "graph", 22: "sparse tensor"}  # of an attribute: readers merge two of them into one
_ENTRY = 13  # of a tensor: a key and a value about its external data
_REFUSED = {
    "training": "holds a training graph",
    "function": "holds functions of its own",
}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A tensor whose numbers lie in another file."""

    location: str  # as the graph names it
    offset: int  # bytes from its start
    length: int | None  # bytes; None where the graph does not say


def references(data: bytes, *, where: Path, domains: Collection[str] = STANDARD) -> list[Reference]:
    """Return all external data that the ONNX model in ``data`` reads, and refuse what no bundle needs.

    Args:
        data: the model.
        where: its place, for messages.
        domains: of the operators that are allowed.

    Raises:
        BundleError: ``data`` is no ONNX model, holds functions or a training graph, operators of another domain,
            external data that is not stated as onnx defines it, or more nodes or nested graphs than any network.
    """
    walk = _Walk(data, domains)
    with _named(where, data):
        walk.model()
    return walk.found


def external_files(data: bytes, *, where: Path) -> set[str]:
    """Return the locations of all external data that the ONNX model in ``data`` names.

    Raises:
        BundleError: as ``references``, for the operators of an optimised form.
    """
    return {reference.location for reference in references(data, where=where, domains=OPTIMISED)}


def declared(data: bytes, *, where: Path) -> list[tuple[bytes, list[int | None]]]:
    """Return the name and the shape of every input and output of an ONNX model, as far as it says one.

    A size without a number is None; of a type that onnx does not have the shape is one that nothing has.

    Raises:
        BundleError: ``data`` is no ONNX model.
    """
    with _named(where, data):
        graphs = _within(data, 0, len(data), 7)
        ends = [end for graph in graphs for number in _ENDS for end in _within(data, *graph, number)]
        return [found for end in ends if (found := _declared(data, *end)) is not None]


@contextmanager
def _named(where: Path, data: bytes) -> Iterator[None]:
    try:
        yield
    except (ValueError, IndexError) as error:
        own = {UnicodeDecodeError: "has a name that is no text", IndexError: f"is broken at byte {len(data)}"}
        fault = own.get(type(error), error)
        raise BundleError(
            f"{where} is no ONNX graph of a bundle, it {fault}; copy the bundle again or export it again"
        ) from error


def _declared(data: bytes, start: int, stop: int) -> tuple[bytes, list[int | None]] | None:
    name, sizes, is_known = b"", list[int | None](), False
    for number, first, last in fields(data, start, stop):
        if number == 1:
            name = data[first:last]
        for tensor in _within(data, first, last, 1) if number == 2 else ():
            if _has_unknown_type(data, *tensor, 1):
                is_known, sizes = True, [*sizes, -1]
            for shape in _within(data, *tensor, 2):
                is_known = True
                sizes += [_size(data, *axis) for axis in _within(data, *shape, 1)]
    return (name, sizes) if is_known else None


def _size(data: bytes, start: int, stop: int) -> int | None:
    sizes = [value for number, value, _, _ in every(data, start, stop) if number == 1 and value is not None]
    return sizes[-1] if sizes else None  # to readers the last one counts


def _has_unknown_type(data: bytes, start: int, stop: int, wanted: int) -> bool:
    found = [value for number, value, _, _ in every(data, start, stop) if number == wanted]
    return any(value is not None and value > _HIGHEST_TYPE for value in found)


def _within(data: bytes, start: int, stop: int, wanted: int) -> Iterator[tuple[int, int]]:
    return ((first, last) for number, first, last in fields(data, start, stop) if number == wanted)


class _Walk:
    """One way through a model; what is wrong with it is raised as a ValueError that completes "it ..."."""

    def __init__(self, data: bytes, domains: Collection[str]) -> None:
        self.data, self.found = data, list[Reference]()
        self._domains = {domain.encode() for domain in domains}
        self._nodes = 0

    def model(self) -> None:
        graphs = 0
        for number, start, stop in fields(self.data, 0, len(self.data)):
            if number in _MODEL:
                if _MODEL[number] in _REFUSED:
                    raise ValueError(_REFUSED[_MODEL[number]])
                graphs += 1
                _check_single("graph", graphs)
                self._graph(start, stop, 1)
        if not graphs:
            raise ValueError("has no graph")

    def _graph(self, start: int, stop: int, depth: int) -> None:
        if depth > DEEPEST:
            raise ValueError(f"has graphs inside graphs, more than {DEEPEST} deep")
        for number, first, last in fields(self.data, start, stop):
            if number == 1:
                self._node(first, last, depth)
            elif number in _GRAPH:
                self._values(_GRAPH[number], first, last)
            elif number in _ENDS:
                self._value("value", first, last)

    def _value(self, message: str, start: int, stop: int) -> None:
        """Names of values and of axes must be text: libraries fail to say them otherwise."""
        seen: list[str] = []
        for number, value, first, last in every(self.data, start, stop):
            part = _PARTS[message].get(number)
            if part is None:
                continue
            seen.append(part)
            _check_single(part, 1 if part == "axis" else seen.count(part))
            if part in _TEXTS:
                self.data[first:last].decode()
            elif part in _PARTS and value is None:
                self._value(part, first, last)

    def _node(self, start: int, stop: int, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ValueError(f"has more than {MOST_NODES} nodes")
        for number, first, last in fields(self.data, start, stop):
            if number == 5:
                self._attribute(first, last, depth)
            elif number == 7 and self.data[first:last] not in self._domains:
                raise ValueError(f"has an operator of the domain {self.data[first:last].decode()!r}")

    def _attribute(self, start: int, stop: int, depth: int) -> None:
        seen: list[int] = []
        for number, first, last in fields(self.data, start, stop):
            if number in _SINGLE:
                seen.append(number)
                _check_single(_SINGLE[number], seen.count(number))
            kind = _ATTRIBUTE.get(number)
            if kind == "graph":
                self._graph(first, last, depth + 1)
            elif kind is not None:
                self._values(kind, first, last)

    def _values(self, kind: str, start: int, stop: int) -> None:
        """A tensor, or the two of a sparse one."""
        if kind == "tensor":
            self._tensor(start, stop)
            return
        seen: list[int] = []
        for number, first, last in fields(self.data, start, stop):
            if number in _SPARSE:
                seen.append(number)
                _check_single("tensor", seen.count(number))
                self._tensor(first, last)

    def _tensor(self, start: int, stop: int) -> None:
        if _has_unknown_type(self.data, start, stop, 2):
            raise ValueError("has a tensor of an unknown data type")
        if self.data.find(b"location", start, stop) < 0:  # its numbers lie in it
            return
        entries: dict[bytes, bytes] = {}
        for number, first, last in fields(self.data, start, stop):
            if number == _ENTRY:
                entry = {number: self.data[at:end] for number, at, end in fields(self.data, first, last)}
                key = entry.get(1, b"")
                if key not in _KEYS or key in entries:
                    raise ValueError(f"has external data with the key {key.decode()!r}, unknown or given twice")
                entries[key] = entry.get(2, b"")
        if entries:
            self.found.append(_reference(entries))


def _reference(entries: dict[bytes, bytes]) -> Reference:
    if b"location" not in entries:
        raise ValueError("has external data without a location")
    length = _whole_number(entries[b"length"]) if b"length" in entries else None
    offset = _whole_number(entries.get(b"offset", b"0"))
    return Reference(location=entries[b"location"].decode(), offset=offset, length=length)


def _whole_number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:  # ASCII digits alone: no sign, no space
        raise ValueError(f"has external data at {digits.decode()!r}, which is no number of bytes")
    return int(digits)


def _check_single(kind: str, count: int) -> None:
    """Where one message may stand, readers merge two: each by itself would look harmless."""
    if count > 1:
        raise ValueError(f"has a {kind} twice where one may stand")
