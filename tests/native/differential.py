"""Damage manifests and bundles and give them to both readers: what one accepts the other must accept.

    export PYTHONPATH=.:tests/makers:tests/fuzz
    python tests/native/differential.py --reader build/tests/eeinfer_read --count 100000 --seed 1 --state found.json

Mutation number n of a seed is always the same: ``--only n`` says what both make of it. ``--state`` names a file to go
on from. ``--kind manifest`` damages the texts of manifests of all formats, ``bundle`` graphs and weights too, and opens
the whole folder.
"""

import argparse
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import small_bundles
from altered_bundles import rehash
from asking import Asked, alike, said
from fuzz_mutations import changed_bytes, changed_json
from fuzz_targets import BundleTarget

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import decode_manifest, with_checksum
from eeinfer.errors import EeinferError

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = ("manifest", "bundle")
ODD_TEXTS = (
    *("1e400", "-1e400", "1e-400", "01", "-0", "-0.0", "1.0", "1E2", "1.", ".5", "+1", "-", "0x10", "NaN", "Infinity"),
    *("9" * 19, "9" * 20, str(2**63), str(2**63 - 1), str(-(2**63)), str(2**64), str(2**64 - 1), "9" * 400),
    *("null", "true", "[]", "{}", '""', '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u00e9"', '"\x7f"', '"\t"'),
    *(
        "[" * 98 + "]" * 98,
        "[" * 99 + "]" * 99,
        "[" * 101 + "]" * 101,
        '{"a": 1, "a": 2}',
        "/**/ 1",
        "'x'",
        "1,",
        "\x00",
    ),
)
Read = Callable[[], Any]


class Manifests:
    """The manifests of all formats; a mutation is the bytes of one."""

    mode = "manifest"

    def __init__(self, work: Path) -> None:
        folders = small_bundles.write_tiny(work / "tiny.eeb"), small_bundles.write_words(work / "words.eeb")
        paths = [folder / "manifest.json" for folder in folders]
        paths += sorted(GOLDEN.glob("manifest_*.json"))
        self._sound = [path.read_bytes() for path in paths]
        self.path = work / "manifest.json"

    def place(self, random: Random) -> None:
        data = random.choice(self._sound)
        change = random.choice((changed_json, changed_json, changed_json, changed_bytes, changed_text))
        data = change(data, random)
        if change is changed_json and random.random() < 0.2:
            data = changed_text(data, random)
        self.path.write_bytes(with_checksum(data) if random.random() < 0.9 else data)

    def read(self) -> None:
        check_manifest(decode_manifest(self.path.read_bytes(), where=self.path), where=self.path.parent)


class Bundles:
    """A whole bundle, as tests/fuzz damages it."""

    mode = "bundle"

    def __init__(self, work: Path) -> None:
        self._target = BundleTarget(work)
        self._sound = self._target.files()
        self.path = work / "changed.eeb"

    def place(self, random: Random) -> None:
        files, sealed = self._target.mutated(self._sound, random)
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        for name, content in files.items():
            (self.path / name).write_bytes(content)
        if sealed:
            self._seal(files)

    def read(self) -> None:
        Bundle.open(self.path)

    def _seal(self, files: dict[str, bytes]) -> None:
        try:
            for name in files:
                if name != "manifest.json":
                    rehash(self.path, name)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return  # a manifest that is no JSON of use has no sums


TARGETS: dict[str, type[Manifests] | type[Bundles]] = {"manifest": Manifests, "bundle": Bundles}


def changed_text(data: bytes, random: Random) -> bytes:
    """Put something odd in the place of a value, or say a member twice: what no JSON library would write."""
    text = data.decode(errors="surrogateescape")
    colons = [at for at, char in enumerate(text) if char == ":"]
    if not colons:
        return data
    for _ in range(random.choice((1, 1, 2))):
        at = random.choice(colons) + 1
        stop = min((end for end in (text.find(char, at) for char in ",}\n") if end >= 0), default=len(text))
        start = text.rfind('"', 0, max(text.rfind('"', 0, at), 0))
        if random.random() < 0.3 and start >= 0:
            text = f"{text[:stop]}, {text[start:stop]}{text[stop:]}"
        else:
            text = f"{text[:at]} {random.choice(ODD_TEXTS)}{text[stop:]}"
        colons = [at for at, char in enumerate(text) if char == ":"]
    return text.encode(errors="surrogateescape")


def run(kind: str, numbers: range, seed: int, reader: Path, work: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield the number of every mutation, what came of it, and what Python and C++ said.

    What came of it is ``accepted`` or ``refused`` by both in the same words, ``otherwise`` where the words differ, or
    ``different`` where one accepts, or the kinds of the errors differ.
    """
    target = TARGETS[kind](work)
    with Asked(reader, target.mode) as asked:
        for number in numbers:
            target.place(Random(f"{seed}:{number}"))
            ours, theirs = answer(target.read), asked(str(target.path))
            yield number, judged(ours, theirs), ours, theirs


def answer(read: Read) -> str:
    """Return what the C++ reader has to say where Python's says the same."""
    try:
        read()
    except EeinferError as error:
        return said(error)
    return "ok"


def judged(ours: str, theirs: str) -> str:
    """Return what came of a mutation."""
    kinds = ours.partition(" ")[0], theirs.partition(" ")[0]
    if kinds[0] != kinds[1]:
        return "different"
    if kinds[0] == "ok":
        return "accepted"
    return "refused" if alike(ours.replace("\n", "\\n"), theirs) else "otherwise"


def main() -> None:
    """Run from the command line, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", type=Path, required=True)
    parser.add_argument("--kind", choices=KINDS, default="manifest")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--only", type=int)
    chosen = parser.parse_args()
    state: dict[str, Any] = {"next": 0, "counts": {}, "different": [], "otherwise": []}
    if chosen.state is not None and chosen.state.exists():
        state = json.loads(chosen.state.read_text())
    numbers = range(state["next"], chosen.count) if chosen.only is None else range(chosen.only, chosen.only + 1)
    counts = Counter(state["counts"])
    with tempfile.TemporaryDirectory(prefix="differential-") as work:
        for number, found, ours, theirs in run(chosen.kind, numbers, chosen.seed, chosen.reader, Path(work)):
            counts[found] += 1
            if found in ("different", "otherwise") and len(state[found]) < 50:
                state[found].append([number, ours[:500], theirs[:500]])
            if chosen.only is not None:
                print(f"{found}\nPython: {ours}\nC++:    {theirs}")
            elif chosen.state is not None and (number % 500 == 499 or number + 1 == chosen.count):
                chosen.state.write_text(json.dumps(state | {"next": number + 1, "counts": counts}, indent=1))
    if chosen.only is None:
        print(
            json.dumps({"counts": counts, "different": state["different"], "otherwise": state["otherwise"]}, indent=1)
        )


if __name__ == "__main__":
    main()
