"""Fewer exits: what stays answers as before, what is dropped is gone, and mistakes are refused."""

import shutil
from pathlib import Path
from typing import Any

import exit_networks
import numpy as np
import pytest
import torch
from certificates import certified

import eeinfer
from eeinfer import samples
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError
from eeinfer.export import export_bundle, prune
from eeinfer.progress import silent


@pytest.mark.parametrize("keep", [[0, 2], [1, 2], [2]])
def test_kept_exits_answer_bit_for_bit_as_before(tiny_bundle: Path, tmp_path: Path, keep: list[int]) -> None:
    path = prune(tiny_bundle, keep, tmp_path / "fewer.eeb")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, threads=1) as before, eeinfer.load(path, threads=1) as after:
        wanted, found = before.all_exits(pixels), after.all_exits(pixels)
    np.testing.assert_array_equal(found.logits, wanted.logits[:, keep])
    np.testing.assert_array_equal(found.scores, wanted.scores[:, keep])
    np.testing.assert_array_equal(found.predictions, wanted.predictions[:, keep])


def test_the_manifest_is_that_of_the_kept_exits(tiny_bundle: Path, tmp_path: Path) -> None:
    old = Bundle.open(tiny_bundle)
    new = Bundle.open(prune(tiny_bundle, [0, 2], tmp_path / "fewer")).manifest
    assert [segment.module for segment in new.segments] == [old.manifest.segments[k].module for k in (0, 2)]
    assert new.taus == (old.manifest.taus[0], old.manifest.taus[2])
    assert len(new.parity.exits) == 2
    assert new.segments[0].cumulative_flops == old.manifest.segments[0].cumulative_flops
    assert new.segments[1].cumulative_flops <= old.manifest.segments[2].cumulative_flops
    assert new.flops.static == old.manifest.flops.static
    assert new.provenance["pruned"] == {"from": old.fingerprint, "kept": [0, 2]}
    assert sorted(new.files) == ["model.onnx", "segment_00.onnx", "segment_01.onnx", "weights.bin"]


def test_the_heads_of_dropped_exits_are_paid_for_no_more(tmp_path: Path) -> None:
    """Of a network that was counted in torch: dropping a head spares exactly its last layer."""
    torch.manual_seed(0)
    model = exit_networks.Residual().eval()
    source = export_bundle(model, torch.randn(2, 3, 12, 12), tmp_path / "all.eeb")
    old, new = Bundle.open(source).manifest, Bundle.open(prune(source, [0, 2], tmp_path / "two.eeb")).manifest
    head = model.heads[1].weight.numel()
    assert old.segments[2].cumulative_flops - new.segments[1].cumulative_flops == head


def test_the_shipped_bundle_with_two_exits_is_smaller_and_the_same(tmp_path: Path) -> None:
    source = samples.bundle_path()
    last = len(Bundle.open(source).manifest.segments) - 1
    path = prune(source, [0, last], tmp_path / "two.eeb")
    images = samples.images()[0][:20]
    with eeinfer.load(source, threads=1) as before, eeinfer.load(path, threads=1) as after:
        wanted, found = before.all_exits(images), after.all_exits(images)
    np.testing.assert_array_equal(found.predictions, wanted.predictions[:, [0, last]])
    np.testing.assert_allclose(found.logits, wanted.logits[:, [0, last]], atol=1e-4)


def test_dynamic_axes_and_several_inputs_stay(words_bundle: Path, tmp_path: Path) -> None:
    exits = len(Bundle.open(words_bundle).manifest.segments)
    new = Bundle.open(prune(words_bundle, [exits - 1], tmp_path / "one.eeb")).manifest
    assert new.axes == Bundle.open(words_bundle).manifest.axes


def test_a_certificate_is_dropped(bundle_copy: Path) -> None:
    certified(bundle_copy)
    path = prune(bundle_copy, [0, 2])
    assert path == bundle_copy.with_name("copy-pruned.eeb")
    assert Bundle.open(path).manifest.certificate is None


def test_it_says_how_well_the_two_agree(tiny_bundle: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def note(doing: str, *rest: Any) -> None:
        said.append(doing)
        silent(doing, *rest)

    prune(tiny_bundle, [0, 2], tmp_path / "fewer.eeb", progress=note)
    assert said[-1] == "every kept exit answers bit for bit as before"


@pytest.mark.parametrize("keep", [[], [0, 1], [2, 0], [0, 0, 2], [-1, 2], [0, 3]])
def test_exits_that_cannot_be_kept_are_refused(tiny_bundle: Path, tmp_path: Path, keep: list[int]) -> None:
    with pytest.raises(ConfigError, match="the last one, 2, among them"):
        prune(tiny_bundle, keep, tmp_path / "fewer.eeb")
    with pytest.raises(ConfigError, match="all 3 exits are kept"):
        prune(tiny_bundle, [0, 1, 2], tmp_path / "fewer.eeb")
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_behind_where_the_answers_differ(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import eeinfer.export.pruning.api as module

    monkeypatch.setattr(module.Chain, "__call__", lambda self, batch: _noise(len(self.segments)))
    with pytest.raises(eeinfer.errors.ExportError, match="answers otherwise"):
        prune(shutil.copytree(tiny_bundle, tmp_path / "source.eeb"), [0, 2], tmp_path / "fewer.eeb")
    assert [path.name for path in tmp_path.iterdir()] == ["source.eeb"]


def _noise(exits: int) -> list[dict[str, np.ndarray]]:
    return [{"logits": np.random.default_rng().standard_normal((2, 5))} for _ in range(exits)]
