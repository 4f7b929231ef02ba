from pathlib import Path

import numpy as np
import pytest

from eeinfer import samples
from eeinfer.errors import BundleError


def test_samples_that_are_not_shipped_are_missed_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_ASSETS", tmp_path)
    for ask in (samples.bundle_path, samples.images):
        with pytest.raises(BundleError, match=r"ships no fashion.*eeinfer demo"):
            ask()


def test_samples_are_read_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_ASSETS", tmp_path)
    (tmp_path / "fashion.eeb").mkdir()
    np.savez(tmp_path / "fashion_test.npz", images=np.zeros((5, 28, 28), np.uint8), labels=np.arange(5, dtype=np.uint8))
    images, labels = samples.images()
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert samples.bundle_path() == tmp_path / "fashion.eeb"
