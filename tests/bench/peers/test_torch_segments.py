from pathlib import Path

import numpy as np
import pytest
import torch
from exit_networks import MODELS, build

from eeinfer.bench.peers.kinds.torch_compiled import _captured, _compiled
from eeinfer.bench.peers.kinds.torch_segments import ANSWERS, device, segments
from eeinfer.bench.peers.kinds.torch_variants import EAGER
from eeinfer.bench.workers.base import Setup, Unavailable
from eeinfer.export.graph.trace import ScoredExits


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def run(parts: list[torch.nn.Module], images: torch.Tensor) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    state: tuple[torch.Tensor, ...] = (images,)
    with torch.inference_mode():
        for part in parts:
            made = part(*state)
            found, state = [*found, *made[:ANSWERS]], made[ANSWERS:]
    return found


def scored(name: str) -> ScoredExits:
    return ScoredExits(build(name), "own" if name == "patience" else "max_softmax").eval()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("variant", EAGER)
def test_segments_one_after_another_are_the_network_at_any_batch(name: str, variant: str) -> None:
    network, shape = scored(name), MODELS[name]().shape
    parts = EAGER[variant](list(segments(network, torch.zeros(2, *shape), answers=range(ANSWERS))), True)
    for rows in (1, 2, 5):
        images = torch.randn(rows, *shape)
        with torch.no_grad():
            wanted = network(images)
        for found, expected in zip(run(parts, images), wanted, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_rows_may_leave_between_segments() -> None:
    network = scored("stateful")
    parts = segments(network, torch.zeros(2, *MODELS["stateful"]().shape), answers=range(ANSWERS))
    images = torch.randn(5, *MODELS["stateful"]().shape)
    keep = torch.tensor([0, 3])
    with torch.inference_mode():
        state = parts[0](images)[ANSWERS:]
        logits = parts[1](*(tensor[keep] for tensor in state))[0]
        np.testing.assert_allclose(logits, network(images[keep])[ANSWERS], atol=1e-5)


def test_no_segment_does_the_work_of_an_earlier_one() -> None:
    parts = segments(scored("residual"), torch.zeros(2, *MODELS["residual"]().shape), answers=range(ANSWERS))
    convolutions = [sum(node.target is torch.conv2d for node in part.graph.nodes) for part in parts]
    assert convolutions == [2, 1, 1]


def test_captured_segments_give_up_the_last_calls_tensors_when_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[None] = []
    monkeypatch.setattr(torch, "compile", lambda part, **_: part)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: begun.append(None))
    network, shape = scored("residual"), MODELS["residual"]().shape
    parts = _captured(list(segments(network, torch.zeros(2, *shape), answers=range(ANSWERS))), False)
    for _ in range(2):
        run(parts, torch.randn(1, *shape))
    assert len(begun) == 2


def test_a_gpu_that_pytorch_does_not_find_is_said_so(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    setup = Setup(
        bundle=str(tiny_bundle),
        checkpoint=None,
        folder="",
        images="",
        batch=1,
        threads=1,
        device="cuda",
        threads_asked=None,
    )
    with pytest.raises(Unavailable, match="finds no GPU"):
        device(setup)


def test_compiled_segments_answer_the_same() -> None:
    network, shape = scored("residual"), MODELS["residual"]().shape
    parts = list(segments(network, torch.zeros(2, *shape), answers=range(ANSWERS)))
    images = torch.randn(1, *shape)
    with torch.no_grad():
        wanted = network(images)
    for found, expected in zip(
        run(_compiled(parts, False, frozen=False, backend="eager"), images), wanted, strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
