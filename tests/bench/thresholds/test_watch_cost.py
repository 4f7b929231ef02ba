"""What being watched costs: that it is measured, not how much it is."""

from pathlib import Path

import eeinfer
from eeinfer.bench.thresholds.watch_cost import watch_costs


def test_every_call_is_timed(tiny_bundle: Path) -> None:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        took, added = watch_costs(engine, 20)
    assert (len(took), len(added)) == (20, 20)
    assert min(took) > 0
