"""Carried tensors without the batch in front, in the optimised form: it is made, and rows may leave at its cuts."""

from collections.abc import Iterator

import layout_networks
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import eeinfer
from eeinfer.backends.host import HostBackend
from eeinfer.export import export_bundle
from eeinfer.machine import cache

Case = tuple[nn.Module, eeinfer.Engine]


@pytest.fixture(scope="module", params=layout_networks.NETWORKS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A network and an engine that runs its optimised form, from a cache of its own."""
    folder = tmp_path_factory.mktemp("layouts")
    torch.manual_seed(0)
    network = layout_networks.NETWORKS[request.param]().eval()
    path = export_bundle(network, torch.zeros(1, *network.shape), folder / "network.eeb", taus=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(folder / "cache"))
        with eeinfer.load(path, threads=1) as engine:
            yield network, engine


def rows_of(network: nn.Module, count: int) -> tuple[Tensor, list[np.ndarray]]:
    """Rows, and what torch answers to them at both exits."""
    shape: tuple[int, ...] = network.shape  # type: ignore[assignment]  # a class attribute of ours
    rows = torch.randn(count, *shape, generator=torch.Generator().manual_seed(count))
    with torch.no_grad():
        return rows, [exit.numpy() for exit in network(rows)]


def test_the_optimised_form_runs(case: Case) -> None:
    assert case[1].optimised


@pytest.mark.parametrize("count", [1, 2, 7, 32])
def test_every_exit_answers_as_torch_does(case: Case, count: int) -> None:
    network, engine = case
    rows, wanted = rows_of(network, count)
    found = engine.all_exits(rows.numpy()).logits
    for k, logits in enumerate(wanted):
        np.testing.assert_allclose(found[:, k], logits, atol=1e-4)


@pytest.mark.parametrize("count", [2, 7, 32])
def test_rows_that_leave_take_nothing_of_others_along(case: Case, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second row stays, and the last ones fill the places of those that left."""
    network, engine = case
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(HostBackend, "worth_compacting", lambda _self, _k, *counts: asked.append(counts) or True)
    rows, wanted = rows_of(network, count)
    scores = np.sort(engine.all_exits(rows.numpy()).scores[:, 0])
    tau = float((scores[count // 2 - 1] + scores[count // 2]) / 2)
    result = engine(rows.numpy(), tau=tau)
    assert asked == [(count, count // 2)], "they were taken out"
    assert set(result.exits.tolist()) == {0, 1}
    for row, exit in enumerate(result.exits):
        np.testing.assert_allclose(result.logits[row], wanted[exit][row], atol=1e-4)
