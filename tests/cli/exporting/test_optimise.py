"""optimise, into the cache and into the bundle, and what inspect says of it."""

import json
from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))


def test_the_place_is_printed_and_is_where_loading_looks(run: Run, bundle_copy: Path) -> None:
    place = optimised.place(Bundle.open(bundle_copy))
    for _ in range(2):
        done = run("optimise", bundle_copy)
        assert (done.status, done.out) == (0, f"{place}\n"), done.err
        assert "for ONNX Runtime" in done.err
    facts = json.loads(run("optimise", bundle_copy, "--json").out)
    assert facts["path"] == str(place)
    assert facts["instruction_sets"]


def test_inspect_lists_what_is_in_the_bundle_and_what_is_wrong_with_it(run: Run, bundle_copy: Path) -> None:
    assert "optimised forms" not in run("inspect", bundle_copy).out.splitlines()
    place = Path(run("optimise", bundle_copy, "--into", "bundle").out.strip())
    assert place.parent == bundle_copy / "engines"
    lines = run("inspect", bundle_copy).out.splitlines()
    at = lines.index("optimised forms")
    assert "onnxruntime" in lines[at + 1]
    assert lines[at + 3].strip() == "used on this machine"
    (form,) = json.loads(run("inspect", bundle_copy, "--json").out)["optimised"]
    assert (form["folder"], form["problem"], form["here"]) == (f"engines/{place.name}", None, True)
    (place / "model.bin").write_bytes(b"damaged")
    (form,) = json.loads(run("inspect", bundle_copy, "--json").out)["optimised"]
    assert "model.bin" in form["problem"]


def test_where_nothing_is_kept_the_bundle_is_named_as_the_other_place(
    run: Run, bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    done = run("optimise", bundle_copy)
    assert done.status == 1
    assert "--into bundle" in only_line(done.err)
    assert run("optimise", bundle_copy, "--into", "bundle").status == 0
