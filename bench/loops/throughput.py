"""Threads that call one engine: from C++ where the program is there, and from Python with either loop, taking turns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eeinfer.bench.callers import turn
from eeinfer.bench.loops.leaving import one_row
from eeinfer.bench.loops.program import Program
from eeinfer.bench.timing.cascade import as_given
from eeinfer.engine import Engine

PROGRAM = "C++"
Rates = dict[int, dict[str, float]]  # callers -> who runs the loop -> rows a second, medians over rounds


def measure_throughput(
    path: Path,
    engines: Mapping[str, Engine],
    program: Program | None,
    counts: Sequence[int],
    rounds: int,
    seconds: float,
) -> Rates:
    """Let every number of threads call every engine with one row at a time, which goes to the last exit."""
    given = as_given(one_row(next(iter(engines.values())).manifest))
    found: dict[int, dict[str, list[float]]] = {count: {} for count in counts}
    for _ in range(rounds):
        for count, rates in found.items():
            if program is not None:
                asked = ("--callers", count, "--rounds", 1, "--seconds", seconds)
                [row] = program(*asked, bundle=path, quiet=True)["rows"]
                rates.setdefault(PROGRAM, []).append(row["images_per_second"])
            for name, engine in engines.items():
                done = turn(engine, [given], count, seconds, 1.0)
                rates.setdefault(name, []).append(len(done.ms) / done.seconds)
    return {count: {name: float(np.median(each)) for name, each in rates.items()} for count, rates in found.items()}


def render_throughput(found: Rates) -> str:
    """Return what a terminal shows: rows a second, and those of the loop in Python as 1."""
    lines = ["threads calling one engine, rows a second; beside the loop in Python:"]
    for count, rates in found.items():
        each = ", ".join(f"{name} {rate:9.1f} ({rate / rates['onnxruntime']:.2f}x)" for name, rate in rates.items())
        lines.append(f"{count:3} callers: {each}")
    return "\n".join(lines)
