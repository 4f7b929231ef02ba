"""The C++ engine answers as Python's does: the same exits, predictions and flags, and the same numbers bit for bit."""

import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from altered_bundles import edit
from numpy.typing import NDArray
from system_bundles import WRITERS, Inputs, rows

import eeinfer
from eeinfer.backends.native.library import onnxruntime_file
from eeinfer.backends.rows import HostRows
from eeinfer.errors import NonFiniteWarning

FIELDS = ("predictions", "exits", "scores", "logits", "flops", "valid", "near_tau")


@pytest.fixture(scope="module", params=WRITERS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp(request.param))


def thresholds(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """None, all, some that differ from exit to exit, those that are exactly a row's scores, of these the last alone."""
    known, exits = np.clip(np.nan_to_num(scores), 0, 1), scores.shape[1]
    some, exact = np.quantile(known, 0.6, axis=0), known[0]
    last = np.append(np.ones(exits - 1), exact[-1])
    return np.array([np.zeros(exits), np.ones(exits), some, np.full(exits, np.median(some)), exact, last], np.float32)


def same_bits(found: NDArray[Any], wanted: NDArray[Any], what: str) -> None:
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), what
    assert found.tobytes() == wanted.tobytes(), f"{what} differs: {found} in C++, {wanted} in Python"


def compare(program: Path, bundle: Path, given: Inputs, folder: Path, threads: str = "1") -> int:
    """Hold every answer of C++ against Python's; returns how many decisions were early ones."""
    with warnings.catch_warnings(), eeinfer.load(bundle, threads=int(threads), backend="onnxruntime") as engine:
        warnings.simplefilter("ignore", NonFiniteWarning)
        every = engine.all_exits(given if len(given) > 1 else next(iter(given.values())))
        taus = thresholds(every.scores)
        case = {f"input_{i:02d}": given[input.tensor.name] for i, input in enumerate(engine.manifest.inputs)}
        np.savez(folder / "case.npz", taus=taus, **case)
        command = [program, bundle, folder / "case.npz", folder / "out.npz", threads]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        with np.load(folder / "out.npz") as file:
            found = dict(file)
        assert bool(found["optimised"]) == engine.optimised
        early = 0
        for i, tau in enumerate(taus):
            wanted = engine(given, tau=tau)
            for field in FIELDS:
                for way in ("", "_streamed"):
                    name = f"run_{i:02d}{way}_{field}"
                    same_bits(found[name], getattr(wanted, field), f"{name} at tau {tau}")
            early += int((wanted.exits < len(tau) - 1).sum())
        for field in ("scores", "predictions", "logits"):
            same_bits(found[f"all_{field}"], getattr(every, field), f"all_{field}")
        if "anytime_scores" in found:
            answers = list(engine.anytime(given))
            same_bits(found["anytime_scores"], np.array([a.score for a in answers], np.float32), "anytime_scores")
            same_bits(found["anytime_logits"], np.stack([a.logits for a in answers]), "anytime_logits")
        return early


@pytest.mark.parametrize("count", [1, 7, 32])
def test_every_network_answers_alike(answerer: Path, bundle: Path, count: int, tmp_path: Path) -> None:
    given = rows(eeinfer.Bundle.open(bundle), count)
    assert compare(answerer, bundle, given, tmp_path) > 0


def dear(data: dict[str, Any]) -> None:
    """Let a manifest say that its segments cost so much that taking rows out pays."""
    for k, segment in enumerate(data["segments"]):
        segment.update(flops=10**9, cumulative_flops=(k + 1) * 10**9)


def test_rows_that_left_are_taken_out_of_a_large_batch_alike(
    answerer: Path, bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(bundle_copy, dear)
    taken: list[int] = []
    real = HostRows.take
    monkeypatch.setattr(HostRows, "take", lambda self, *rest: (taken.append(len(rest[1])), real(self, *rest))[1])
    given = {"input": np.random.default_rng(5).normal(size=(40, 1, 8, 8)).astype(np.float32)}
    compare(answerer, bundle_copy, given, tmp_path)
    assert taken, "nothing was taken out, so this test shows nothing"


def test_rows_that_no_exit_can_answer_for_disturb_nobody(answerer: Path, bundle: Path, tmp_path: Path) -> None:
    given = rows(eeinfer.Bundle.open(bundle), 7)
    for array in given.values():
        if array.dtype == np.float32:
            array[[1, 4]] = np.nan
            array[6].reshape(-1)[0] = np.inf
    compare(answerer, bundle, given, tmp_path)


def test_a_single_row_of_nan_has_no_answer(answerer: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    compare(answerer, tiny_bundle, {"input": np.full((1, 1, 8, 8), np.nan, np.float32)}, tmp_path)


def test_two_threads_a_segment_answer_alike(answerer: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    given = {"input": np.random.default_rng(0).normal(size=(9, 1, 8, 8)).astype(np.float32)}
    compare(answerer, tiny_bundle, given, tmp_path, threads="2")


@pytest.mark.parametrize("size", [(8, 8), (31, 9), (9, 31), (5, 6)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_pixels_become_the_same_numbers(
    answerer: Path, bundle_copy: Path, tmp_path: Path, size: tuple[int, int], interpolation: str
) -> None:
    rule = {"resize": 11, "interpolation": interpolation, "mean": [0.485], "std": [0.229]}
    edit(bundle_copy, lambda data: data["inputs"][0].update(preprocess=rule))
    draw = np.random.default_rng(sum(size))
    for shape in ((1, *size, 1), (3, *size, 1), size):
        pixels = draw.integers(0, 256, shape, dtype=np.uint8)
        compare(answerer, bundle_copy, {"input": pixels}, tmp_path)


def test_narrow_whole_numbers_become_wider(answerer: Path, words_bundle: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    given = {
        "ids": draw.integers(0, 20, (5, 4)).astype(np.uint8),
        "mask": np.ones((5, 4), np.bool_),
        "scale": draw.normal(size=5).astype(np.float32),
    }
    compare(answerer, words_bundle, given, tmp_path)


@pytest.fixture(scope="module", autouse=True)
def same_onnxruntime() -> Any:
    """Let C++ load the library of this Python: another version may round otherwise."""
    file = onnxruntime_file()
    with pytest.MonkeyPatch.context() as patch:
        if file is not None:
            patch.setenv("EEINFER_ONNXRUNTIME", str(file))
        torch.set_num_threads(1)
        yield


def test_a_damaged_form_is_left_alone_and_it_is_said(answerer: Path, bundle_copy: Path, tmp_path: Path) -> None:
    from eeinfer.export.optimise import api

    form = api.optimise(eeinfer.Bundle.open(bundle_copy), "bundle")
    assert form is not None
    np.savez(tmp_path / "case.npz", taus=np.zeros((1, 3), np.float32), input_00=np.zeros((1, 1, 8, 8), np.float32))
    command = [answerer, bundle_copy, tmp_path / "case.npz", tmp_path / "out.npz", "1"]

    def optimised() -> tuple[bool, str]:
        made = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "EEINFER_CACHE": "off"}
        )
        with np.load(tmp_path / "out.npz") as file:
            return bool(file["optimised"]), made.stderr.strip()

    assert optimised() == (True, "")
    graph = form / "segment_01.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    found, said = optimised()
    assert not found
    assert said.startswith(f"{form} is not used: ")
    assert "segment_01.onnx" in said
