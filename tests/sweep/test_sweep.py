from pathlib import Path

import pytest
from classifier_sweep import sweep_one
from networks import SHORT


@pytest.mark.parametrize("name", SHORT)
def test_a_network_that_was_not_written_here_answers_as_torch_does_however_it_is_opened(
    name: str, tmp_path: Path
) -> None:
    row = sweep_one(name, tmp_path, batches=(1, 7))
    assert row["outcome"] == "agreed", row
    assert row["optimised"], row
