"""`eeinfer prune`: what it writes and says, and that mistakes are one line."""

import json
from pathlib import Path

import pytest
from cli_runs import Run, only_line

import eeinfer.bench.thresholds.paying as paying
from eeinfer.bundle.folder import Bundle


def test_named_exits_stay(run: Run, bundle_copy: Path) -> None:
    done = run("prune", bundle_copy, "--keep", "0,2")
    assert done.status == 0, done.err
    assert Path(done.out.strip()) == bundle_copy.with_name("copy-pruned.eeb")
    assert len(Bundle.open(done.out.strip()).manifest.segments) == 2
    assert "-> dropped" in done.err
    assert "answers bit for bit as before" in done.err


@pytest.mark.parametrize("keep", [(0, 2), (0, 1, 2)])
def test_without_names_those_that_pay_stay(
    run: Run, bundle_copy: Path, labelled: Path, keep: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = paying.Paying(keep=keep, session_ms=(1, 2, 3), cost_ms=(0.1, 0.2, 0), before_ms=2.5, after_ms=2.0)
    monkeypatch.setattr(paying, "exits_that_pay", lambda *given, **named: found)
    done = run("prune", bundle_copy, "--data", labelled, "--json")
    assert done.status == 0, done.err
    if len(keep) == 3:
        assert "every exit pays on this machine" in done.err
        assert not done.out
    else:
        assert json.loads(done.out)["keep"] == [0, 2]
        assert json.loads(done.out)["after_ms"] == 2.0


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--keep", "0,x"), "--keep is '0,x'"),
        (("--keep", "0,1"), "the last one, 2, among them"),
        (("--keep", "0,1,2"), "all 3 exits are kept"),
        (("--keep", "0,2", "--data", "digits"), "give one of them"),
    ],
)
def test_mistakes_are_one_line(run: Run, bundle_copy: Path, given: tuple[str, ...], reason: str) -> None:
    done = run("prune", bundle_copy, *given)
    assert done.status == 1
    assert reason in only_line(done.err.splitlines()[-1])
