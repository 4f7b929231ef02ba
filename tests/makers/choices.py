"""Choices among backends that tuning may have made for the tiny bundle, and a library that was chosen and broke."""

import sys
from pathlib import Path

import pytest

from eeinfer.backends.chosen import Agreement, Candidate, Choice, Pick
from eeinfer.machine.versions import version_of

SAME = Agreement(rows=64, taus=(0.5, 0.9), decisions=1.0, predictions=1.0, score_error=1e-6)


def candidate(backend: str, agreement: Agreement | None = None) -> Candidate:
    return Candidate(backend=backend, version=version_of(backend) or "0", agreement=agreement)


def pick(backend: str, ratio: float = 0.9, *, threads: int | None = None, process: bool = False) -> Pick:
    return Pick(
        process=process,
        threads=threads,
        backend=backend,
        settings={"onnxruntime": "parked:1", "openvino": "parked:1"},
        ratios={"onnxruntime": 1.0, "openvino": ratio},
    )


def everywhere(backend: str) -> tuple[Pick, ...]:
    return pick(backend), pick(backend, process=True)


FIRST = candidate("onnxruntime")
CHOICE = Choice(
    bundle="tiny",
    candidates=(FIRST, candidate("openvino", SAME)),
    picks=everywhere("openvino"),
    processor="any",
    created="2026-01-01T00:00:00+00:00",
)
WHY = "eeinfer tune: openvino takes 0.90 of onnxruntime's time, same answers"
BROKEN = "libopenvino.so: cannot open shared object file"


def break_openvino(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let every import of OpenVINO fail as where a library of its own is gone."""
    package = folder / "openvino"
    package.mkdir()
    (package / "__init__.py").write_text(f"raise ImportError({BROKEN!r})\n")
    monkeypatch.syspath_prepend(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "openvino"]:
        monkeypatch.delitem(sys.modules, name)
