"""Open many damaged bundles or checkpoints: nothing but our errors or sound answers may come of it.

    python tests/fuzz/fuzz_run.py --count 100000 --seed 1 --state fuzz.json

Mutation number n of a seed is always the same: ``--only n`` opens that one here, with its traceback. ``--state`` names
a file to go on from. Each runs in a forked process with a limit of memory and of time, one process for many of them.

Outcomes: ``refused`` by an error of ours; ``same`` answers as before; ``another`` sound network, where the sums were
made right again (other weights or another mean are no damage then); all others are faults.
"""

import argparse
import contextlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from eeinfer.errors import EeinferError

SOUND = ("refused", "same", "another")
LIMIT_BYTES = 2 << 30
LIMIT_S = 10.0  # of the processor: the machine may be busy
_LIMIT_WAIT_S = 300.0  # by the clock, for what hangs without computing
_PER_PROCESS = 500  # mutations, so that leaks of one do not fail another

KINDS = ("bundle", "checkpoint")


def run(kind: str, numbers: range, seed: int, work: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the outcome of every mutation."""
    import onnxruntime  # noqa: F401 - loaded before the first fork
    from fuzz_targets import TARGETS

    target, at = TARGETS[kind](work), numbers.start
    while at < numbers.stop:
        for number, outcome in _forked(target, range(at, min(at + _PER_PROCESS, numbers.stop)), seed, work):
            yield number, outcome
            at = number + 1


def _forked(target: Any, numbers: range, seed: int, work: Path) -> Iterator[tuple[int, str]]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _in_child(target, numbers, seed, work, writing)
        finally:
            os._exit(1)  # whatever happens, this process is no second one of its parent's kind
    os.close(writing)
    expected = numbers.start
    try:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            for line in _lines(pipe, child):
                number, outcome = json.loads(line)
                if number >= 0:
                    yield number, outcome
                    expected = number + 1
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if expected < numbers.stop:
        ended = "killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else f"status {status}"
        yield expected, f"the process ended: {ended}, after at most {LIMIT_S:g} s of the processor"


def _lines(pipe: Any, child: int) -> Iterator[bytes]:
    """Yield lines until the pipe ends or nothing comes in time."""
    rest = b""
    while _comes(pipe, child):
        data = pipe.read(1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _comes(pipe: Any, child: int) -> bool:
    """Wait for more, as long as the child has not computed for too long."""
    ends, most = time.monotonic() + _LIMIT_WAIT_S, _computed_s(child) + LIMIT_S
    while not (found := bool(select.select([pipe], [], [], 1.0)[0])):
        if time.monotonic() > ends or _computed_s(child) > most:
            break
    return found


def _computed_s(child: int) -> float:
    """How long a process has had the processor."""
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _in_child(target: Any, numbers: range, seed: int, work: Path, pipe: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ["EEINFER_CACHE"] = "off"
    (size, *_) = (int(part) * resource.getpagesize() for part in Path("/proc/self/statm").read_text().split())
    limit = LIMIT_BYTES if size < LIMIT_BYTES // 2 else size + LIMIT_BYTES  # torch alone: 3 GB of addresses
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    files = target.files()
    sound = _opened(target, files, work / "child")
    os.write(pipe, b'[-1, "ready"]\n')
    for number in numbers:
        outcome = judged(target, files, sound, number, seed, work / "child")
        os.write(pipe, json.dumps([number, outcome]).encode() + b"\n")


def judged(target: Any, files: dict[str, bytes], sound: Any, number: int, seed: int, folder: Path) -> str:
    """Return what came of one mutation."""
    random = Random(f"{seed}:{number}")
    changed, sealed = target.mutated(files, random)
    try:
        found = _opened(target, changed, folder, sealed=sealed)
    except EeinferError:
        return "refused"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})"
    if len(found) == len(sound) and all(map(_alike, found, sound)):
        return "same"
    return "another" if sealed else "other answers, although the sums are wrong"


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=0, atol=1e-5, equal_nan=True)


def _opened(target: Any, files: dict[str, bytes], folder: Path, *, sealed: bool = False) -> Any:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if sealed:
        with contextlib.suppress(ValueError, TypeError, AttributeError, LookupError, RecursionError):
            target.reseal(folder)  # a manifest that is no JSON of use has no sums
    return target.answers(folder)


def main() -> None:
    """Run from the command line, print what was found."""
    sys.path.append(str(Path(__file__).parents[1] / "makers"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=KINDS, default="bundle")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--only", type=int)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        if chosen.only is not None:
            _show(chosen, Path(work))
            return
        state = _state(chosen.state)
        counts, faults = Counter(state["counts"]), state["faults"]
        for number, outcome in run(chosen.target, range(state["next"], chosen.count), chosen.seed, Path(work)):
            counts[outcome if outcome in SOUND else "faults"] += 1
            if outcome not in SOUND:
                faults.append([number, outcome])
            if chosen.state and (number % 100 == 99 or number + 1 == chosen.count):
                chosen.state.write_text(json.dumps({"next": number + 1, "counts": counts, "faults": faults}))
    print(json.dumps({"counts": counts, "faults": faults[:50]}, indent=1))


def _state(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {"next": 0, "counts": {}, "faults": []}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _show(chosen: argparse.Namespace, work: Path) -> None:
    from fuzz_targets import TARGETS

    os.environ["EEINFER_CACHE"] = "off"
    target = TARGETS[chosen.target](work)
    changed, sealed = target.mutated(target.files(), Random(f"{chosen.seed}:{chosen.only}"))
    print([name for name, content in target.files().items() if changed.get(name) != content], "sealed", sealed)
    print(_opened(target, changed, work / "child", sealed=sealed))


if __name__ == "__main__":
    main()
