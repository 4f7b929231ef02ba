"""Rows that say nothing: of the input's own type and size, and of whole numbers none below 0."""

from pathlib import Path

import numpy as np
from altered_bundles import Json, edit

from eeinfer.bench.noise import noise
from eeinfer.bench.serving.in_process import drawn_images
from eeinfer.bundle.folder import Bundle


def test_rows_are_drawn_anew_and_alike_for_a_seed(tiny_bundle: Path) -> None:
    spec = Bundle.open(tiny_bundle).manifest.input.tensor
    rows = noise(spec, 3, 0)
    assert (rows.shape, rows.dtype) == ((3, *spec.sizes()), np.dtype(spec.dtype))
    np.testing.assert_array_equal(rows, noise(spec, 3, 0))
    assert not np.array_equal(rows, noise(spec, 3, 1))


def test_mixed_rows_go_from_faint_to_strong(tiny_bundle: Path) -> None:
    rows = noise(Bundle.open(tiny_bundle).manifest.input.tensor, 8, 0, mixed=True)
    assert rows[0].std() < 0.1 < 1 < rows[-1].std()


def test_what_a_load_test_sends_of_whole_numbers_counts_from_0(bundle_copy: Path) -> None:
    def of_whole_numbers(manifest: Json) -> None:
        for spec in (manifest["inputs"][0], manifest["segments"][0]["inputs"][0]):
            spec.get("tensor", spec)["dtype"] = "int64"
        manifest["inputs"][0]["preprocess"] = None

    edit(bundle_copy, of_whole_numbers)
    rows = drawn_images(bundle_copy, 0)
    assert rows.dtype == np.int64
    assert rows.min() == 0 < rows.max()


def test_what_a_load_test_sends_is_what_tuning_is_done_with(tiny_bundle: Path) -> None:
    spec = Bundle.open(tiny_bundle).manifest.input.tensor
    np.testing.assert_array_equal(drawn_images(tiny_bundle, 3), noise(spec, 64, 3))
