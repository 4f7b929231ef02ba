import builtins
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import eeinfer
from eeinfer.bench.timing import networks
from eeinfer.bench.timing.networks import ALL_EXITS, STATIC, cut_name, fixed_networks
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DependencyError

BATCHES = [{"input": np.full((1, 1, 8, 8), fill, np.float32)} for fill in (0.5, -1.0)]


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


def test_there_is_one_network_per_cut_one_without_exits_and_one_with_all(bundle: Bundle) -> None:
    assert list(fixed_networks(bundle, BATCHES, 1)) == [cut_name(0), cut_name(1), STATIC, ALL_EXITS]


def test_each_network_answers_as_the_engines_exit_does(
    bundle: Bundle, tiny_engine: eeinfer.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sessions themselves are asked, on the weights they were opened with."""
    sessions: list[Any] = []

    def keep(session: Any, batches: Any) -> Any:
        sessions.append(session)
        return networks_bound(session, batches)

    networks_bound = networks._bound
    monkeypatch.setattr(networks, "_bound", keep)
    calls = fixed_networks(bundle, BATCHES, 1)
    assert len(calls) == len(sessions)
    for inputs in BATCHES:
        every = tiny_engine.all_exits(inputs)
        for exit, session in enumerate(sessions[:3]):
            logits, score, prediction = session.run(None, inputs)
            assert logits == pytest.approx(every.logits[:, exit], rel=1e-5, abs=1e-5)
            assert score == pytest.approx(every.scores[:, exit], abs=1e-6)
            assert prediction == every.predictions[:, exit]
        assert len(sessions[3].run(None, inputs)) == 9


def test_calls_run_on_every_batch(bundle: Bundle) -> None:
    for call in fixed_networks(bundle, BATCHES, 1).values():
        call(0)
        call(1)


def test_the_static_network_leaves_out_the_heads_that_nothing_reads(bundle: Bundle, tmp_path: Path) -> None:
    """The last exit of a plain network reads no head: cutting there leaves them all out, and nothing is to be noted."""
    static, every = networks.write_parts(bundle, {STATIC: [2], ALL_EXITS: [0, 1, 2]}, tmp_path, link=False)
    assert not networks.has_no_heads(bundle)
    graphs = [onnx.load(path, load_external_data=False).graph for path in (static, every)]
    kept, all_nodes = ([node.op_type for node in graph.node] for graph in graphs)
    assert len(kept) < len(all_nodes)
    assert kept.count("ArgMax") == 1
    assert all_nodes.count("ArgMax") == 3


def test_nothing_is_left_behind_and_the_bundle_stays_as_it_was(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fixed_networks(bundle, BATCHES, 1)
    assert list(tmp_path.iterdir()) == []
    Bundle.open(bundle.path)  # every hash still holds


def test_without_links_the_weights_are_copied(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    fixed_networks(bundle, BATCHES, 1)[STATIC](0)


def test_a_missing_onnx_package_is_named_with_its_extra(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_onnx(name: str, *rest: Any, **named: Any) -> Any:
        if name == "onnx":
            raise ModuleNotFoundError("No module named 'onnx'", name="onnx")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(DependencyError, match=r"eeinfer\[bench\]"):
        fixed_networks(bundle, BATCHES, 1)
