"""What a call of the engine costs beyond its segments: ``python -m eeinfer.bench.loops.calls BUNDLE --threads 2``.

One row leaves at each exit in turn. A call is timed in back-to-back pairs with the bare runs of the same segments,
with the same threads and everything bound beforehand, so that the network washes the caches between any two calls: the
difference is what preparing, deciding and answering take when their code is cold.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eeinfer import load, samples
from eeinfer.backends import open_backend
from eeinfer.backends.base import Inputs
from eeinfer.backends.host import HostBackend
from eeinfer.backends.threads import PARKED
from eeinfer.bench.environment import load_average, processor
from eeinfer.bench.loops.leaving import Way, one_row, timed_leaving
from eeinfer.bench.timing.clock import Array, Call
from eeinfer.engine import Engine
from eeinfer.errors import DependencyError, EeinferError

BACKENDS = ("onnxruntime", "native", "openvino")
WAYS = ("call", "predict_one")


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """One way of asking one backend's engine, the row leaving at one exit, beside the bare runs."""

    backend: str
    way: str  # of `WAYS`
    exit: int
    ms: Array  # [n, 2] of the call and of the runs


def measure_calls(engines: Mapping[str, Engine], threads: str, pairs: int, seconds: float) -> list[Beyond]:
    """Time both ways of asking every engine at each exit against the bare runs of its segments, all taking turns."""
    manifest = next(iter(engines.values())).manifest
    row, exits = one_row(manifest), len(manifest.segments)
    chains = {name: _bare_runs(engine, row, threads) for name, engine in engines.items()}
    found = []
    for k in range(exits):
        bare = {name: chain(k) for name, chain in chains.items()}
        ms = timed_leaving(
            {f"{name} {way}": ask for name, engine in engines.items() for way, ask in _ways(engine)},
            exits,
            row,
            k,
            {f"{name} {way}": call for name, call in bare.items() for way in WAYS},
            pairs,
            seconds,
        )
        found += [Beyond(backend=name, way=way, exit=k, ms=ms[f"{name} {way}"]) for name in engines for way in WAYS]
    return found


def _ways(engine: Engine) -> Iterator[tuple[str, Way]]:
    return zip(WAYS, (engine, engine.predict_one), strict=True)


def _bare_runs(engine: Engine, row: Inputs, threads: str) -> Callable[[int], Call]:
    """Return what runs the segments up to an exit, and nothing else; the compiled library's run in ONNX Runtime too."""
    backend = engine.loop.backend
    if not isinstance(backend, HostBackend):
        opened = open_backend("onnxruntime", engine.bundle, device="cpu", threads=threads)
        assert isinstance(opened, HostBackend)
        backend = opened
    lane = backend.new_lane()
    lane.load(row)

    def chain(exit: int) -> Call:
        runs = lane.runs[: exit + 1]

        def run(batch: int) -> None:
            for segment in runs:
                segment()

        return run

    return chain


def render_calls(found: Sequence[Beyond]) -> str:
    """Return what a terminal shows, in microseconds."""
    return "\n".join(_lines(found))


def _lines(found: Sequence[Beyond]) -> Iterator[str]:
    yield "microseconds of a call and of the bare runs of its segments, medians of pairs taking turns (least):"
    for one in sorted(found, key=lambda one: (one.backend, one.way, one.exit)):
        us = 1e3 * one.ms
        (call, bare), (least, least_bare), extra = np.median(us, axis=0), us.min(axis=0), us[:, 0] - us[:, 1]
        yield (
            f"{one.backend:<12} {one.way:<12} exit {one.exit:<2} {call:9.1f} ({least:9.1f}), bare {bare:9.1f} "
            f"({least_bare:9.1f}): beyond {np.median(extra):+6.1f} ({least - least_bare:+6.1f}), {len(us)} pairs"
        )


def main() -> None:
    """Measure what was asked for and print it."""
    given = _arguments()
    threads = f"{PARKED}:{given.threads}"
    try:
        path = samples.bundle_path() if given.bundle is None else given.bundle
        print(f"{processor()}, threads {threads}, load {load_average()}", flush=True)
        engines = _engines(path, given.backend or BACKENDS, threads)
        print(render_calls(measure_calls(engines, threads, given.pairs, given.seconds)))
    except EeinferError as error:
        sys.exit(f"error: {error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eeinfer.bench.loops.calls",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", nargs="?", type=Path, help="default: the bundle that the package ships")
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="default: all that are installed")
    parser.add_argument("--threads", type=int, default=1, help="of each segment")
    parser.add_argument("--pairs", type=int, default=1000, help="of a call and the bare runs, for each exit")
    parser.add_argument("--seconds", type=float, default=3, help="for each exit; a sixth of the pairs is always made")
    return parser.parse_args()


def _engines(path: Path, names: Sequence[str], threads: str) -> dict[str, Engine]:
    found = {name: _engine(path, name, threads) for name in names}
    return {name: engine for name, engine in found.items() if engine is not None}


def _engine(path: Path, name: str, threads: str) -> Engine | None:
    try:
        return load(path, backend=name, threads=threads)
    except DependencyError as error:
        print(f"{name} is left out: {error}", flush=True)
        return None


if __name__ == "__main__":
    main()
