"""Networks of every kind, answered by both loops: the same exits and predictions, and the same scores bit for bit."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import multiscale_networks
import numpy as np
import pytest
import small_methods
import torch
from text_networks import text_encoder, texts

import eeinfer
from eeinfer import NonFiniteWarning, samples
from eeinfer.backends.native import library
from eeinfer.export import export_bundle
from eeinfer.export.golden import record
from eeinfer.export.parting import parting_taus
from eeinfer.golden.compare import compare

FIELDS = ("predictions", "exits", "scores", "logits", "flops", "valid", "near_tau")
ROWS = (1, 7, 32)

Inputs = dict[str, np.ndarray]


def method(name: str, folder: Path) -> Path:
    built = small_methods.network(name)
    return export_bundle(built.model, torch.zeros(1, *small_methods.SHAPE), folder / "model.eeb", scores=built.score)


def multiscale(folder: Path) -> Path:
    return export_bundle(multiscale_networks.shaken("msdnet"), multiscale_networks.images(1), folder / "model.eeb")


def encoder(folder: Path) -> Path:
    dynamic = {name: {1: ("length", 1, 16)} for name in ("input_ids", "attention_mask")}
    return export_bundle(text_encoder(), texts(1, 9), folder / "model.eeb", dynamic=dynamic)


CASES: dict[str, Callable[[Path], Path]] = {
    **{name: lambda folder, name=name: method(name, folder) for name in ("sdn", "ztw", "gpf", "pabee")},
    "msdnet": multiscale,
    "text": encoder,
    "pixels": lambda _: samples.bundle_path(),
}


def given(engine: eeinfer.Engine, rows: int, *, spoilt: bool = False) -> Inputs:
    """Rows for a bundle: texts, 8-bit images, or random floats, one of them with a NaN."""
    [spec, *more] = [input.tensor for input in engine.manifest.inputs]
    if more:
        return {name: tensor.numpy() for name, tensor in texts(rows, 5 + rows % 7, seed=rows).items()}
    if engine.manifest.inputs[0].preprocess is not None:
        return {spec.name: samples.images()[0][:rows]}
    made = np.random.default_rng(rows).standard_normal((rows, *spec.sizes()), np.float32)
    if spoilt:
        made[rows // 2].flat[3] = np.nan
    return {spec.name: made}


@pytest.fixture(scope="module", params=CASES)
def both(request: pytest.FixtureRequest, native_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    path = CASES[request.param](tmp_path_factory.mktemp(request.param))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(library.VARIABLE, str(native_library))
        with eeinfer.load(path, backend="onnxruntime") as one, eeinfer.load(path, backend="native") as other:
            yield one, other


@pytest.mark.filterwarnings(f"ignore::{NonFiniteWarning.__module__}.{NonFiniteWarning.__name__}")
@pytest.mark.parametrize("spoilt", [False, True])
@pytest.mark.parametrize("rows", ROWS)
def test_every_bit_is_the_same(both: Any, rows: int, spoilt: bool) -> None:
    one, other = both
    inputs = given(one, rows, spoilt=spoilt)
    every, twin = one.all_exits(inputs), other.all_exits(inputs)
    for field in ("scores", "predictions", "logits"):
        assert getattr(every, field).tobytes() == getattr(twin, field).tobytes(), field
    exact = np.clip(np.nan_to_num(every.scores[0]), 0, 1)  # a row that leaves by no more than its own scores
    for tau in (0.0, 1.0, parting_taus(every.scores), exact):
        wanted, found = one(inputs, tau=tau), other(inputs, tau=tau)
        for field in FIELDS:
            assert getattr(wanted, field).tobytes() == getattr(found, field).tobytes(), (field, tau)
        parts = [*other.stream(inputs, tau=tau)]
        left = np.concatenate([part.rows for part in parts])
        assert sorted(left.tolist()) == list(range(rows))
        for part in parts:
            assert part.logits.tobytes() == wanted.logits[part.rows].tobytes()


def test_a_row_answers_alone_as_from_exit_to_exit(both: Any) -> None:
    one, other = both
    inputs = given(one, 1)
    for wanted, found in zip(one.anytime(inputs), other.anytime(inputs), strict=True):
        assert (wanted.exit, wanted.prediction, wanted.score) == (found.exit, found.prediction, found.score)
        assert wanted.logits.tobytes() == found.logits.tobytes()


def test_what_one_loop_recorded_the_other_answers(both: Any) -> None:
    one, other = both
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        golden = record(one, given(one, 32, spoilt=True))
    assert compare(other, golden, tolerance=0).differences == []
