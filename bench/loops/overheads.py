"""One row leaving at each exit, from Python, in back-to-back pairs with the network cut there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eeinfer.backends.base import Inputs
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bench.loops.leaving import one_row, timed_leaving
from eeinfer.bench.timing.clock import Array, Call
from eeinfer.bench.timing.networks import cut_name, run_bound, write_parts
from eeinfer.bundle.folder import Bundle
from eeinfer.engine import Engine


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A loop beside the network cut at one exit."""

    loop: str
    exit: int
    ms: Array  # [n, 2] of the cascade and of the network


def write_cuts(bundle: Bundle, folder: Path) -> list[Path]:
    """Write the networks that end at each exit, as cut_00.onnx, cut_01.onnx, ... with their weights."""
    ends = {cut_name(k): [k] for k in range(len(bundle.manifest.segments))}
    written = write_parts(bundle, ends, folder, link=False)
    return [path.replace(folder / f"cut_{k:02d}.onnx") for k, path in enumerate(written)]


def measure_overheads(
    engines: Mapping[str, Engine], cuts: Sequence[Path], threads: int, pairs: int, seconds: float
) -> list[Beside]:
    """Time the engines at each exit against the network cut there, all of them taking turns."""
    row = one_row(next(iter(engines.values())).manifest)
    found = []
    for k, path in enumerate(cuts):
        cut = _network(path, row, threads)
        ms = timed_leaving(engines, len(cuts), row, k, dict.fromkeys(engines, cut), pairs, seconds)
        found += [Beside(loop=name, exit=k, ms=ms[name]) for name in engines]
    return found


def _network(path: Path, row: Inputs, threads: int) -> Call:
    session, _ = open_session(path, threads=threads)
    names = [input.name for input in session.get_inputs()]
    run, _ = run_bound(session, {name: row[name] for name in names})
    return lambda batch: run(row)


def render_overheads(found: Sequence[Beside]) -> str:
    """Return what a terminal shows."""
    return "\n".join(_lines(found))


def _lines(found: Sequence[Beside]) -> Iterator[str]:
    yield "from Python, medians of calls taking turns:"
    for one in sorted(found, key=lambda one: (one.loop, one.exit)):
        (ours, theirs), (least, their_least) = np.median(one.ms, axis=0), one.ms.min(axis=0)
        ratio, extra = np.median(one.ms[:, 0] / one.ms[:, 1]), 1e3 * np.median(one.ms[:, 0] - one.ms[:, 1])
        yield (
            f"{one.loop:<12} exit {one.exit:<2} {ours:9.4f} ms (least {least:9.4f}), cut there {theirs:9.4f} ms "
            f"(least {their_least:9.4f}): ratio {ratio:.3f}, {extra:+.2f} us, {len(one.ms)} pairs"
        )
