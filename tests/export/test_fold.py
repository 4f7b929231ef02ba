"""Preprocessing in the graph: the same answers to the same pixels, bit for bit, in both orders of axes."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer import ExportError, samples
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError
from eeinfer.export import fold_preprocess


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_the_shipped_bundle_takes_pixels(tmp_path: Path, layout: str) -> None:
    path = fold_preprocess(samples.bundle_path(), tmp_path / "pixels.eeb", layout=layout)
    pixels = samples.images()[0][:9][..., np.newaxis]
    with eeinfer.load(threads=1) as before, eeinfer.load(path, threads=1) as after:
        wanted = before.all_exits(pixels)
        found = after.all_exits(pixels if layout == "nhwc" else pixels.transpose(0, 3, 1, 2))
        alone = after(pixels[0] if layout == "nhwc" else pixels[0].transpose(2, 0, 1))
        [spec] = [input.tensor for input in after.manifest.inputs]
    assert (spec.name, spec.dtype, len(spec.shape)) == ("pixels", "uint8", 3)
    np.testing.assert_allclose(found.logits, wanted.logits, atol=1e-4)
    np.testing.assert_array_equal(found.predictions, wanted.predictions)
    assert len(alone) == 1
    facts = Bundle.open(path).manifest.provenance["folded_preprocess"]
    assert (facts["layout"], facts["from"]) == (layout, Bundle.open(samples.bundle_path()).fingerprint)


def test_rows_leave_where_they_left(tiny_bundle: Path, tmp_path: Path) -> None:
    path = fold_preprocess(tiny_bundle, tmp_path / "tiny.eeb", layout="nchw")
    [given] = Bundle.open(path).manifest.segments[0].inputs
    assert given.dtype == "uint8"
    with eeinfer.load(tiny_bundle, threads=1) as before, eeinfer.load(path, threads=1) as after:
        pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
        np.testing.assert_array_equal(after(pixels[:, np.newaxis], tau=0.7).exits, before(pixels, tau=0.7).exits)


def test_its_name_is_the_bundle_s_by_default(bundle_copy: Path) -> None:
    assert fold_preprocess(bundle_copy) == bundle_copy.with_name("copy-uint8.eeb")
    with pytest.raises(ExportError, match="--force"):
        fold_preprocess(bundle_copy)
    assert fold_preprocess(bundle_copy, force=True).is_dir()


def test_what_cannot_be_folded_is_refused(
    tiny_bundle: Path, words_bundle: Path, scripted_bundle: Path, tmp_path: Path
) -> None:
    for bundle in (words_bundle, scripted_bundle):
        with pytest.raises(ExportError, match="says nothing about 8-bit images"):
            fold_preprocess(bundle, tmp_path / "a.eeb")
    with pytest.raises(ConfigError, match="'chw'; give nchw or nhwc"):
        fold_preprocess(tiny_bundle, tmp_path / "a.eeb", layout="chw")
    once = fold_preprocess(tiny_bundle, tmp_path / "once.eeb")
    with pytest.raises(ExportError, match="says nothing"):
        fold_preprocess(once, tmp_path / "twice.eeb")


def test_a_bundle_that_would_answer_otherwise_is_not_written(
    bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "eeinfer.export.fold.scale_and_shift", lambda rule: (np.ones(1, np.float32), np.zeros(1, np.float32))
    )
    with pytest.raises(ExportError, match="answers differently"):
        fold_preprocess(bundle_copy, tmp_path / "other.eeb")
    assert not (tmp_path / "other.eeb").exists()


def test_a_golden_file_of_it_holds_pixels(bundle_copy: Path) -> None:
    from eeinfer.export import export_golden

    path = export_golden(fold_preprocess(bundle_copy))
    with np.load(path) as arrays:
        assert (arrays["input_00"].dtype, arrays["input_00"].shape) == (np.uint8, (32, 8, 8, 1))
        assert int(arrays["input_00"].max()) > 1
    shutil.rmtree(bundle_copy.with_name("copy-uint8.eeb"))
