"""Whether the optimised form answers as the bundle's own segments do: asked before anybody else can see it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx

from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.ort.bound import binder
from eeinfer.backends.ort.segments import OpenSegments
from eeinfer.backends.rows import HostLane, HostRows
from eeinfer.backends.threads import PARKED, Threads
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import ExportError, first_line
from eeinfer.export.graph.tables import id_tables

_ROWS, _LENGTH = 2, 8  # the length of dynamic axes that may be so long
_SAME = 1e-4  # how far the optimised logits may be off, relative to the largest beyond 1
_SAME_HALF = 4e-3  # likewise in fp16: the optimiser leaves out roundings, which are of 5e-4 each
# What ONNX Runtime says of the machine, and not of the network: no memory is left, or a file cannot be opened now.
_PASSING = ("alloc", "memory", "system error", "open file")


class Unsuitable(ExportError):
    """The network cannot be run in an optimised form: another attempt would find the same."""


@contextmanager
def running(what: str) -> Iterator[None]:
    """Take the failure of a session in the block for the network's fault, unless memory or files are to blame.

    Raises:
        Unsuitable: it is.
    """
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        if any(word in str(error).lower() for word in _PASSING):
            raise
        raise Unsuitable(f"{what} it does not run: {first_line(error)}") from error


def trial_inputs(bundle: Bundle, rows: int = _ROWS) -> Inputs:
    """Return ``rows`` rows to try a bundle on, which are always the same.

    Whole numbers are rows of the table that they choose from, such as one of embeddings; images are 8-bit pixels, and
    others are 0 and 1, as masks.

    Raises:
        BundleError: the bundle's graph is damaged.
    """
    manifest, tables = bundle.manifest, id_tables(onnx.load(bundle.model, load_external_data=False))
    lengths = {name: min(axis.max, max(axis.min, _LENGTH)) for name, axis in manifest.axes.items()}
    draw, made = np.random.default_rng(0), {}
    for spec in (input.tensor for input in manifest.inputs):
        shape, dtype = (rows, *spec.sizes(lengths)), np.dtype(spec.dtype)
        below = tables.get(spec.name, 256 if _is_image(spec) else 2)
        drawn = draw.standard_normal(shape) if dtype.kind == "f" else draw.integers(0, below, shape)
        made[spec.name] = drawn.astype(dtype)
    return made


def _is_image(spec: TensorSpec) -> bool:
    return spec.dtype == "uint8" and len(spec.shape) == 3


def answers(bundle: Bundle, inputs: Inputs, *, optimised: bool) -> list[Exit]:
    """Return what every exit answers to the trial's inputs, together and to the first row alone, as engines take one.

    Raises:
        Unsuitable: a segment does not run.
    """
    with running("optimised" if optimised else "as exported"):
        threads = Threads(mode=PARKED, counts=(1,) * len(bundle.manifest.segments))
        opened = OpenSegments(bundle, threads, optimised=optimised)
        bind = binder(opened.sessions)
        rows = HostRows(bind, bundle.manifest, _ROWS)
        rows.load(inputs)
        together = [rows.run(k) for k in range(len(opened.sessions))]
        lane = HostLane(bind, bundle.manifest)
        lane.load({name: given[:1] for name, given in inputs.items()})
        for k in range(len(opened.sessions)):
            lane.run(k)
        return [*together, *lane.exits]


def check_answers(bundle: Bundle, expected: list[Exit], found: list[Exit]) -> None:
    """Compare the answers of two forms of one bundle.

    Raises:
        Unsuitable: they differ.
    """
    allowed = _SAME_HALF if bundle.manifest.precision == "fp16" else _SAME
    if not all(_same(*pair, allowed) for pair in zip(expected, found, strict=True)):
        raise Unsuitable("optimised they answer differently")


def _same(expected: Exit, answer: Exit, allowed: float) -> bool:
    for wanted, got in ((expected.logits, answer.logits), (expected.score, answer.score)):
        size = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
        if not np.allclose(wanted, got, rtol=0, atol=allowed * size, equal_nan=True):
            return False
    return True
