"""What the two loops cost: ``python -m eeinfer.bench.loops BUNDLE --program build/tools/eeinfer-bench``.

One row leaves at each exit in turn, beside the network cut there, with the same threads and everything bound
beforehand: from C++ where the program is given, and from Python with either loop. With --callers threads call one
engine instead.
"""

import argparse
import sys
from pathlib import Path

from eeinfer import load, samples
from eeinfer.bench.environment import load_average, processor
from eeinfer.bench.loops.near_empty import write_near_empty
from eeinfer.bench.loops.overheads import measure_overheads, render_overheads, write_cuts
from eeinfer.bench.loops.program import Program
from eeinfer.bench.loops.throughput import measure_throughput, render_throughput
from eeinfer.bundle.folder import Bundle
from eeinfer.engine import Engine
from eeinfer.errors import DependencyError, EeinferError
from eeinfer.machine.leftovers import temporary_folder


def main() -> None:
    """Measure what was asked for and print it."""
    given = _arguments()
    try:
        path = samples.bundle_path() if given.bundle is None else given.bundle
        if given.near_empty:
            write_near_empty(path)
        _measure(path, given)
    except EeinferError as error:
        sys.exit(f"error: {error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eeinfer.bench.loops", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path, help="default: the bundle that the package ships")
    parser.add_argument("--threads", type=int, default=1, help="of each session")
    parser.add_argument(
        "--pool", action="store_true", help="one pool for all sessions; else each has its own, which never spins"
    )
    parser.add_argument("--program", type=Path, help="eeinfer-bench, for the figures from C++")
    parser.add_argument("--networks", type=Path, help="keep the networks that are cut at each exit in this folder")
    parser.add_argument(
        "--near-empty", action="store_true", help="write a bundle of near-empty segments first, to BUNDLE"
    )
    parser.add_argument("--callers", type=_counts, help="numbers of threads that call one engine, such as 1,2,4,8")
    parser.add_argument("--pairs", type=int, default=1000, help="of calls, back to back, for each exit")
    parser.add_argument("--seconds", type=float, default=3, help="for each exit; with --callers, of a turn")
    parser.add_argument("--rounds", type=int, default=5, help="with --callers: in which everybody takes turns")
    given = parser.parse_args()
    if given.near_empty and given.bundle is None:
        parser.error("--near-empty writes a bundle: name it")
    return given


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise ValueError
    return counts


def _measure(path: Path, given: argparse.Namespace) -> None:
    threads = f"shared:{given.threads}" if given.pool else f"parked:{given.threads}"
    program = None if given.program is None else Program(given.program, threads=threads)
    print(f"{processor()}, threads {threads}, load {load_average()}", flush=True)
    engines = _engines(path, threads)
    if given.callers:
        found = measure_throughput(path, engines, program, given.callers, given.rounds, given.seconds)
        print(render_throughput(found))
        return
    with temporary_folder("eeinfer-networks") as folder:
        kept = folder if given.networks is None else given.networks
        kept.mkdir(parents=True, exist_ok=True)
        cuts = write_cuts(Bundle.open(path), kept)
        if program is not None:
            print("from C++, medians of calls taking turns:", flush=True)
            program("--networks", kept, "--pairs", given.pairs, "--seconds", given.seconds, bundle=path)
        print(render_overheads(measure_overheads(engines, cuts, given.threads, given.pairs, given.seconds)))


def _engines(path: Path, threads: str) -> dict[str, Engine]:
    engines = {"onnxruntime": load(path, threads=threads, backend="onnxruntime")}
    try:
        engines = {"native": load(path, threads=threads, backend="native"), **engines}
    except DependencyError as error:
        print(f"the loop in Python alone: {error}")
    return engines


if __name__ == "__main__":
    main()
