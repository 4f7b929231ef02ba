"""Ray is in no extra that the tests install, as it is 80 MB: `pip install 'eeinfer[ray]'` runs these."""

from pathlib import Path

import pytest
from small_studies import made, numbers, tiny_runs

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.work.carrying_out import carry_out
from eeinfer.bench.study.work.cluster import LOCAL, on_ray

pytest.importorskip("ray")
# Ray's own doings at its end are not ours to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)


def test_a_local_cluster_gives_the_same_numbers(tmp_path: Path) -> None:
    runs, places = tiny_runs("mixed"), Places(tmp_path / "ray")
    with on_ray(LOCAL, places) as pool:
        standing = carry_out(runs, places, pool, 2, lambda standing: None)
    assert not standing.failed
    found = {key: numbers(record) for key, record in places.finished(run.key for run in runs).items()}
    assert found == made(tmp_path / "plain", runs)
