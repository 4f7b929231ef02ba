"""A library that fails somewhere in tuning is turned away with its reason; without ONNX Runtime there is no tuning."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eeinfer.bench.tune import TuneConfig, tune
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.process import PeerFailed, PeerProcess
from eeinfer.errors import EeinferError

QUICK = TuneConfig(rounds=1, turn_seconds=0.01, most_exits=1, sizes=(1, 2), passes=1)
DIED = "its process ended with signal SIGSEGV"
REQUESTS = {"opening": messages.Open, "taking turns": messages.Run, "what rows cost": messages.Cost}

Fail = Callable[[str, type[messages.Request]], None]


@pytest.fixture(autouse=True)
def openvino() -> None:
    pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let the processes of a backend die of a kind of request: of runs not before the rounds, after the warm-up."""
    ask = PeerProcess.ask

    def dies_of(backend: str, kind: type[messages.Request]) -> None:
        def asked(process: PeerProcess, request: messages.Request, *rest: Any, **more: Any) -> Any:
            warming = isinstance(request, messages.Run) and len(request.batches) == 2
            if process.name.startswith(backend) and isinstance(request, kind) and not warming:
                process.kill()
                raise PeerFailed(DIED)
            return ask(process, request, *rest, **more)

        monkeypatch.setattr(PeerProcess, "ask", asked)

    return dies_of


@pytest.mark.parametrize("where", REQUESTS)
def test_openvino_is_turned_away(tiny_bundle: Path, fail: Fail, where: str) -> None:
    fail("openvino", REQUESTS[where])
    found = tune(tiny_bundle, QUICK, lambda *_: None)
    assert found.left_out == {"openvino": DIED}
    assert [*found.profiles] == [each.backend for each in found.choice.candidates] == ["onnxruntime"]
    assert found.choice.pick().backend == "onnxruntime"


@pytest.mark.parametrize("where", REQUESTS)
def test_onnx_runtime_has_to_run(tiny_bundle: Path, fail: Fail, where: str) -> None:
    fail("onnxruntime", REQUESTS[where])
    with pytest.raises(EeinferError, match=f"cannot be tuned: {DIED}"):
        tune(tiny_bundle, QUICK, lambda *_: None)


@pytest.mark.parametrize("error", [RuntimeError("Exception\nin many lines"), EeinferError("Exception")])
def test_so_it_is_where_its_answers_cannot_be_had(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("eeinfer.backends.openvino.backend.OpenVinoBackend.__init__", broken)
    assert tune(tiny_bundle, QUICK, lambda *_: None).left_out == {"openvino": "Exception"}


@pytest.mark.parametrize("seed", [0, 1], ids=["where answers are compared", "in a process of its own"])
def test_a_bundle_that_noise_does_not_suit_is_to_be_tuned_on_images(scripted_bundle: Path, seed: int) -> None:
    with pytest.raises(EeinferError, match=r"cannot be tuned on noise \(.*tune .*scripted.eeb --data IMAGES$"):
        tune(scripted_bundle, replace(QUICK, seed=seed), lambda *_: None)
