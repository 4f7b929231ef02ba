"""Records of runs written by hand: two exits, the first at a quarter of the cost, four thresholds."""

from collections.abc import Sequence

from eeinfer.bench.environment import Environment
from eeinfer.bench.study.records import Curve, PhaseCost, RunRecord, Times

TAUS = (0.0, 0.3, 0.6, 1.0)
STATIC = 100  # FLOPs; exit 0 costs 25, the last one 105: its head is paid on the way
MACHINE = Environment(
    device="cpu", cpu="a processor", cores=2, threads=1, load=0.0, system="any", python="3", versions={}
)


def curve(right: Sequence[int], stayed: Sequence[int], images: int = 100) -> Curve:
    """`stayed` images go on to the last exit at each threshold."""
    return Curve(
        images=images,
        right=tuple(right),
        left=tuple((images - count, count) for count in stayed),
        exits_right=(right[0], right[-1]),
        static_right=right[-1],
    )


def record(
    key: str,
    test: Sequence[int],
    validation: Sequence[int] = (50, 70, 60, 55),
    stayed: Sequence[int] = (0, 25, 50, 100),
    exits_ms: tuple[float | None, ...] = (1.0, 4.0),
) -> RunRecord:
    return RunRecord(
        key=key,
        settings={},
        phases="++-",
        modules=("a", "classifier"),
        classes=10,
        train_images=1000,
        static_flops=STATIC,
        exit_flops=(25, 105),
        family="linspace",
        points=TAUS,
        taus=TAUS,
        test=curve(test, stayed),
        validation=curve(validation, stayed),
        costs=(PhaseCost(phase=1, epochs=2, best_epoch=1, seconds=3.0, flops=6e5, shared=True),),
        epochs=(),
        times=Times(
            mean_ms=(1.0, 1.8, 2.5, 4.0),
            median_ms=(1.0, 1.8, 2.5, 4.0),
            static_ms=4.0,
            all_exits_ms=4.2,
            exits_ms=exits_ms,
            images=20,
            environment=MACHINE,
        ),
        seconds=5.0,
        created="2026-01-01T00:00:00+00:00",
        versions={},
    )
