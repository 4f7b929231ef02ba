"""Processes that open one bundle on an empty cache while another process replaces it.

By hand, 20 rounds of eight processes, the other network exported anew in each: `python tests/makers/opening_races.py`.
Every load must answer as the old bundle, as the new one, or end in an error of ours. Afterwards the optimised form must
be there, for the bundle that lies at the path and for an untouched copy of the first, and each must answer as its own;
with `--backend openvino` what OpenVINO compiled.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

OPENVINO = "openvino"
_CLOSE = 1e-3
_PAUSE_S = 0.3  # between two replacements by copies: as long as a load takes, or each ends as the last bundle

Counts = Counter[str]
Replace = Callable[[Path], object]  # puts the second bundle in the place of the first


def race(
    folder: Path,
    bundles: tuple[Path, Path],
    replace: Replace,
    *,
    rounds: int,
    processes: int,
    backend: str | None = None,
) -> Counts:
    """Count what became of every load; everything but "old", "new" and "refused" is a fault.

    Args:
        folder: an empty one.
        bundles: that lies there first, and that lies there afterwards.
        replace: does so, while the processes open it.
        rounds: how often it begins with an empty cache.
        processes: that open it, again and again until it is replaced.
        backend: with which; None takes the best.
    """
    np.save(folder / "wanted.npy", np.stack([_logits(path, "off", backend) for path in bundles]))
    counts: Counts = Counter()
    for number in range(rounds):
        room = folder / f"round{number}"
        room.mkdir()
        counts += _round(room, folder, bundles[0], replace, processes, backend)
        print(f"{number + 1} of {rounds}: {dict(counts)}", flush=True)
        shutil.rmtree(room)
    return counts


def by_copies(bundles: tuple[Path, Path]) -> Replace:
    """Return what replaces a bundle nine times, by the other one in turn."""

    def replace(live: Path) -> None:
        from eeinfer.export.write import new_folder

        for turn in range(1, 10):
            with new_folder(live, force=True) as fresh:
                shutil.copytree(bundles[turn % 2], fresh, dirs_exist_ok=True)
            time.sleep(_PAUSE_S)

    return replace


def _round(room: Path, folder: Path, first: Path, replace: Replace, processes: int, backend: str | None) -> Counts:
    live, untouched = (shutil.copytree(first, room / name) for name in ("live.eeb", "untouched.eeb"))
    command = [sys.executable, __file__, "--worker", str(folder), str(live), str(room)]
    command += [] if backend is None else ["--backend", backend]
    environment = {**os.environ, "EEINFER_CACHE": str(room / "cache"), "OMP_NUM_THREADS": "1"}
    workers = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    while len([*room.glob("ready.*")]) < processes and all(worker.poll() is None for worker in workers):
        time.sleep(0.01)
    (room / "go").touch()
    replace(live)
    (room / "done").touch()
    counts: Counts = Counter()
    for worker in workers:  # each ends with the replacing
        counts += Counter(json.loads(line) for line in worker.communicate()[0].splitlines())
        counts["died"] += worker.returncode != 0
    return +(counts + _afterwards(room, folder, (untouched, live), backend))


def _afterwards(room: Path, folder: Path, places: tuple[Path, Path], backend: str | None) -> Counts:
    """Open both bundles again, in the same cache: the form must be there and answer as the bundle itself."""
    found: Counts = Counter()
    cache, form = str(room / "cache"), None if backend == OPENVINO else True
    for path, wanted in zip(places, np.load(folder / "wanted.npy"), strict=True):
        _logits(path, cache, backend)  # makes the form where no worker came to it
        again = _logits(path, cache, backend, optimised=form)
        found["wrong afterwards"] += bool(np.abs(again - wanted).max() > _CLOSE)
    left = [entry.name for entry in (room / "cache" / (backend or "optimised")).iterdir()]
    found["left behind"] += sum(name.startswith(".") or name.endswith(".refused") for name in left)
    found["not kept"] += len(left) < len(places)
    return found


def _logits(path: Path, cache: str, backend: str | None, *, optimised: bool | None = None) -> np.ndarray:
    import eeinfer

    before = os.environ.get("EEINFER_CACHE")
    os.environ["EEINFER_CACHE"] = cache
    try:
        with eeinfer.load(path, threads=1, backend=backend) as engine:
            assert optimised in (None, engine.optimised), f"optimised is {engine.optimised}"
            return engine.all_exits(_inputs(engine.manifest.input.tensor.shape)).logits
    finally:
        os.environ.pop("EEINFER_CACHE") if before is None else os.environ.update(EEINFER_CACHE=before)


def _inputs(shape: tuple[int | str, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, *map(int, shape))).astype(np.float32)


def _export(seed: int, path: Path, *, force: bool = False) -> Path:
    import torch
    from torch import nn

    from eeinfer.export import export_bundle

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(64, 400), nn.Linear(400, 400)
            self.heads = nn.ModuleList(nn.Linear(400, 10) for _ in range(2))

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            x = torch.relu(self.first(x))
            return [self.heads[0](x), self.heads[1](torch.relu(self.second(x)))]

    torch.manual_seed(seed)
    net = Net().eval()
    for value in net.parameters():
        nn.init.normal_(value, std=0.05)
    return export_bundle(net, torch.zeros(1, 64), path, force=force)


def _work(folder: Path, live: Path, room: Path, backend: str | None) -> None:
    """Open the bundle again and again until it is no longer replaced, and print what became of each load."""
    import eeinfer

    wanted = np.load(folder / "wanted.npy")
    (room / f"ready.{os.getpid()}").touch()
    while not (room / "go").exists():
        time.sleep(0.001)
    more = True
    while more:
        more = not (room / "done").exists()
        print(json.dumps(_outcome(lambda: eeinfer.load(live, threads=1, backend=backend), wanted)), flush=True)


def _outcome(load: Callable[[], object], wanted: np.ndarray) -> str:
    import eeinfer

    try:
        engine = load()
        assert isinstance(engine, eeinfer.Engine)
        logits = engine.all_exits(_inputs(engine.manifest.input.tensor.shape)).logits
    except eeinfer.EeinferError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    near = [bool(np.abs(logits - answer).max() < _CLOSE) for answer in wanted]
    return "old" if near[0] else "new" if near[1] else "mixture"


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--copies", action="store_true", help="replace by copies, many times, instead of one export")
    parser.add_argument("--worker", nargs=3, type=Path, metavar="FOLDER")
    parser.add_argument("--backend", choices=[OPENVINO])
    given = parser.parse_args()
    if given.worker:
        _work(*given.worker, given.backend)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundles = _export(0, folder / "old.eeb"), _export(1, folder / "new.eeb")
        replace = by_copies(bundles) if given.copies else lambda live: _export(1, live, force=True)
        race(folder, bundles, replace, rounds=given.rounds, processes=given.processes, backend=given.backend)


if __name__ == "__main__":
    _main()
