"""What is mutated: a bundle, or a checkpoint. A target knows its files, their sums, and how to open and ask it."""

import io
import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
import small_bundles
from altered_bundles import rehash
from fuzz_mutations import changed_bytes, changed_graph, changed_json

Files = dict[str, bytes]


class Target(Protocol):
    """One kind of thing that a user may be handed damaged."""

    def files(self) -> Files:
        """Return the sound content by name."""

    def mutated(self, files: Files, random: Random) -> tuple[Files, bool]:
        """Return another content, and whether its sums are right again."""

    def answers(self, folder: Path) -> list[np.ndarray]:
        """Open what lies in ``folder`` and ask it; refuses with an EeinferError."""


class BundleTarget:
    """The tiny bundle of the tests, opened with its own segments."""

    def __init__(self, work: Path) -> None:
        self._folder = small_bundles.write_tiny(work / "sound.eeb")
        self._images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)

    def files(self) -> Files:
        return {path.name: path.read_bytes() for path in sorted(self._folder.iterdir())}

    def mutated(self, files: Files, random: Random) -> tuple[Files, bool]:
        name = random.choice(("manifest.json", *files, *(name for name in files if name.startswith("segment"))))
        change = {"manifest.json": changed_json, "weights.bin": changed_bytes}.get(name, changed_graph)
        if random.random() < 0.3:
            change = changed_bytes
        changed = files | {name: change(files[name], random)}
        if random.random() < 0.05:
            one, other = random.sample(sorted(files), 2)
            changed[one], changed[other] = changed[other], changed[one]
        return changed, random.random() < 0.85

    def reseal(self, folder: Path) -> None:
        """Let the manifest vouch for what the files are now, where it is JSON of some use."""
        listed = json.loads((folder / "manifest.json").read_bytes())["files"]
        for name in [name for name in listed if (folder / name).is_file()]:
            rehash(folder, name)

    def answers(self, folder: Path) -> list[np.ndarray]:
        import eeinfer.errors

        with warnings.catch_warnings(), eeinfer.load(folder, threads=1) as engine:
            warnings.simplefilter("ignore", eeinfer.errors.NonFiniteWarning)
            every = engine.all_exits(self._images)
            early = engine(self._images, tau=0.5)
        classes, exits = len(engine.manifest.classes), len(engine.manifest.segments)
        _insist(early.predictions, -1, classes - 1)
        _insist(early.exits, -1, exits - 1)
        _insist(early.scores[early.exits >= 0], 0, 1)
        return [every.logits, every.scores, every.predictions, early.predictions, early.exits]


class CheckpointTarget:
    """A trained checkpoint: the network must be the one that was saved."""

    def __init__(self, work: Path) -> None:
        import torch

        import eeinfer.export.checkpoint  # noqa: F401 - before the first fork

        torch.set_num_threads(1)
        command = ["train", "digits", "--untrained", "--out", str(work / "run")]
        subprocess.run([sys.executable, "-m", "eeinfer", *command], check=True, capture_output=True)
        self._path = work / "run" / "checkpoint.pt"

    def files(self) -> Files:
        return {"checkpoint.pt": self._path.read_bytes()}

    def mutated(self, files: Files, random: Random) -> tuple[Files, bool]:
        data, sealed = files["checkpoint.pt"], random.random() < 0.5
        if not sealed:
            return {"checkpoint.pt": changed_bytes(data, random)}, False
        source, made = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
        chosen = random.choice([*source.namelist(), *(n for n in source.namelist() if n.endswith("data.pkl"))])
        with zipfile.ZipFile(made, "w") as target:
            for name in source.namelist():
                content = source.read(name)
                target.writestr(name, changed_bytes(content, random) if name == chosen else content)
        return {"checkpoint.pt": made.getvalue()}, True

    def reseal(self, folder: Path) -> None:
        """The archive's sums are right as it is written."""

    def answers(self, folder: Path) -> list[np.ndarray]:
        import torch

        from eeinfer.export.checkpoint import load_checkpoint

        found = load_checkpoint(folder / "checkpoint.pt")
        with torch.no_grad():
            outputs: Any = found.model(torch.ones(1, *found.input.tensor.sizes()))
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs
        return [exit.numpy() for exit in logits]


def _insist(values: np.ndarray, low: float, high: float) -> None:
    """An answer that is none, such as class 7 of 5, is a fault whatever the network."""
    known = values[~np.isnan(values)]  # a network without a score answers NaN and prediction -1
    if known.size and not (known.min() >= low and known.max() <= high):
        raise AssertionError(f"answers {values.tolist()} outside [{low}, {high}]")


TARGETS = {"bundle": BundleTarget, "checkpoint": CheckpointTarget}
