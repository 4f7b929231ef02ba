"""Several processes open one bundle for the first time while it is replaced; opening_races.py has the long form."""

from pathlib import Path

import numpy as np
from altered_bundles import swap
from opening_races import OPENVINO, by_copies, race


def test_every_load_gives_the_old_bundle_the_new_one_or_an_error_of_ours(
    tiny_bundle: Path, bundle_copy: Path, tmp_path: Path, loop: str
) -> None:
    weights = np.fromfile(tiny_bundle / "weights.bin", np.float32)
    swap(bundle_copy, "weights.bin", np.negative(weights).tobytes())
    bundles = tiny_bundle, bundle_copy
    (tmp_path / "race").mkdir()
    backend = OPENVINO if loop == OPENVINO else None
    counts = race(tmp_path / "race", bundles, by_copies(bundles), rounds=2, processes=4, backend=backend)
    assert counts.keys() <= {"old", "new", "refused"}, counts
    assert counts["new"] >= 8, counts
