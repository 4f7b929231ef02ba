"""A plugin of pytest: whatever bundle, manifest or graph a test has Python read, C++ reads too, and must say the same.

So every bad bundle of the tests is one of C++'s tests as well, and stays one.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Asked, alike, said

from eeinfer.bundle import checks, manifest_file
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.graph import external
from eeinfer.errors import EeinferError

_readers = {mode: Asked(Path(os.environ["EEINFER_READ"]), mode) for mode in ("bundle", "manifest", "graph")}
_differences: list[str] = []
_counts = {"accepted": 0, "refused": 0}


def pytest_configure(config: pytest.Config) -> None:
    Bundle.open = classmethod(_opened(Bundle.open.__func__))  # type: ignore[assignment, attr-defined]
    external.references = _graph(external.references)
    manifest_file.decode_manifest = _decoded(manifest_file.decode_manifest)
    checks.check_manifest = _checked(checks.check_manifest)


def pytest_unconfigure() -> None:
    for reader in _readers.values():
        reader.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(f"both readers: {_counts['accepted']} accepted, {_counts['refused']} refused")


@pytest.fixture(autouse=True)
def no_difference(request: pytest.FixtureRequest) -> Any:
    yield
    found = list(_differences)
    _differences.clear()
    if "monkeypatch" not in request.fixturenames:  # what Python's limits are set to, C++ does not know
        assert not found, "\n".join(found)


def _compared(mode: str, path: Path, read: Callable[[], Any]) -> Any:
    answer = _readers[mode](str(path))
    try:
        result = read()
    except EeinferError as error:
        _counts["refused"] += 1
        if not alike(said(error), answer):
            _differences.append(f"Python: {said(error)}\nC++:    {answer}")
        raise
    _counts["accepted"] += 1
    if not answer.startswith("ok "):
        _differences.append(f"Python accepts what C++ does not: {answer}")
    return result


def _opened(original: Any) -> Any:
    def open(cls: Any, path: Any, *, verify: bool = True, graphs: bool = True) -> Any:
        if not (verify and graphs) or "\n" in str(path):
            return original(cls, path, verify=verify, graphs=graphs)
        return _compared("bundle", Path(path), lambda: original(cls, path, verify=verify))

    return open


def _graph(original: Any) -> Any:
    def references(data: bytes, *, where: Path, domains: Any = external.STANDARD) -> Any:
        if domains != external.STANDARD:
            return original(data, where=where, domains=domains)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / where.name
            path.write_bytes(data)
            with contextlib.suppress(EeinferError):
                _compared("graph", path, lambda: original(data, where=path, domains=domains))
        return original(data, where=where, domains=domains)

    return references


def _decoded(original: Any) -> Any:
    """A manifest's text alone: whatever it says, C++ judges as well whether it holds together, as Python does here."""

    def decode(data: bytes, *, where: Path) -> Any:
        def read() -> Any:
            manifest = original(data, where=path)
            checks_of_python(manifest, where=path.parent)
            return manifest

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "manifest.json"
            path.write_bytes(data)
            with contextlib.suppress(EeinferError):
                _compared("manifest", path, read)
        return original(data, where=where)

    return decode


def _checked(original: Any) -> Any:
    def check(manifest: Any, *, where: Path) -> None:
        data = manifest_file.encode_manifest(manifest)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "manifest.json"
            path.write_bytes(data)
            with contextlib.suppress(EeinferError):
                if decode_of_python(data, where=path) == manifest:  # JSON has no NaN: no bundle can say it
                    _compared("manifest", path, lambda: original(manifest, where=path.parent))
        original(manifest, where=where)

    return check


checks_of_python = checks.check_manifest
decode_of_python = manifest_file.decode_manifest
