"""What being watched costs a call of one image, with the Python loop and the compiled one, beside the call itself.

    python -m eeinfer.bench.thresholds.watch_cost [BUNDLE]

What the engine does after a call is timed once after each call, when the network has filled the caches; a timer around
nothing is taken off. The mean includes that one call in so many counts the log.
"""

import argparse
import math
from statistics import fmean, median
from time import perf_counter_ns

import numpy as np

from eeinfer.bench.environment import processor
from eeinfer.engine import Engine
from eeinfer.errors import EeinferError
from eeinfer.loading import load
from eeinfer.rule import as_limits
from eeinfer.watching.tally import MOST_CALLS, Tally

CALLS = 8 * MOST_CALLS


def watch_costs(engine: Engine, calls: int = CALLS) -> tuple[list[int], list[int]]:
    """Return the nanoseconds of every call, and those that watching it adds."""
    taus = as_limits(engine.tau, len(engine.tau))
    tally, took, added = Tally(len(taus)), [], []
    image = np.random.default_rng(0).random((1, *engine.manifest.input.tensor.sizes()), np.float32)
    for _ in range(calls):
        began = perf_counter_ns()
        result = engine(image)
        ended = perf_counter_ns()
        k, score = int(result.exits[0]), float(result.scores[0])
        given = as_limits(engine.tau, len(taus))
        empty = perf_counter_ns()
        start = perf_counter_ns()
        log = tally.log
        log.append((k, score, result.latency_ms, given == taus and math.inf == math.inf))
        if len(log) >= MOST_CALLS:
            tally.count()
        end = perf_counter_ns()
        took.append(ended - began)
        added.append(end - start - (start - empty))
    return took, added


def _line(bundle: str | None, backend: str) -> str:
    try:
        with load(bundle, backend=backend, threads=1) as engine:
            watch_costs(engine, MOST_CALLS)  # warms up
            took, added = watch_costs(engine)
    except EeinferError as error:
        return f"{backend:<12} {error}"
    return (
        f"{backend:<12} call {median(took) / 1e3:8.1f} us   watching: median {median(added):5.0f} ns, "
        f"mean {fmean(added):5.0f} ns, that is {fmean(added) / fmean(took):.3%}"
    )


def main() -> None:
    """Print a line per loop that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?")
    given = parser.parse_args()
    print(f"{processor()}, {CALLS} calls each, the log counted every {MOST_CALLS}")
    for backend in ("onnxruntime", "native"):
        print(_line(given.bundle, backend))


if __name__ == "__main__":
    main()
