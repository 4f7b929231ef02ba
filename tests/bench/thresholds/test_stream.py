"""A small version of the shifting stream: fixed thresholds break their promise there, retuned ones do not."""

from eeinfer.bench.thresholds.stream import CONSISTENCY, certified_taus, run, shifting
from eeinfer.thresholds import Retuner

PROMISED = 1 - CONSISTENCY


def test_retuned_thresholds_keep_through_a_shift_what_fixed_ones_break() -> None:
    parts, taus = shifting(6000), certified_taus()
    fixed = run("fixed", parts, taus)
    retuned = run("retuned", parts, taus, Retuner(taus, consistency=CONSISTENCY, share=0.25))
    assert fixed.risks[0] <= PROMISED < fixed.risks[1]
    assert fixed.risk > PROMISED + 0.03
    assert retuned.seen <= retuned.bound
    assert retuned.risk <= PROMISED + 0.01
    assert retuned.risks[1] < fixed.risks[1] - 0.05
