"""Records of runs written by hand: two exits, the first at a quarter of the cost, four thresholds."""

from collections.abc import Sequence

from eeinfer.bench.environment import Environment
from eeinfer.bench.study.analyses.plan import PLAN
from eeinfer.bench.study.analyses.records import AnalysisRecord
from eeinfer.bench.study.records import Curve, PhaseCost, RunRecord, Times
from eeinfer.training.analysis.information import LayerInformation
from eeinfer.training.analysis.landscape import Landscape
from eeinfer.training.analysis.overthinking import Overthinking
from eeinfer.training.analysis.rank import LayerRank

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
        modules=("stem", "classifier"),
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


def analysis_record(run: str, ranks: tuple[int, int] = (6, 4), nats: float = 3.0, rim: float = 2.0) -> AnalysisRecord:
    """Two layers, two exits; the loss is 0.5 at the weights and `rim` everywhere else."""
    plane = ((rim, rim, rim), (rim, 0.5, rim), (rim, rim, rim))
    held = {"sigma": 0.5, "most": 4.6}
    return AnalysisRecord(
        key=f"of {run}",
        run=run,
        reference=run,
        plan=PLAN,
        rank=tuple(
            LayerRank(layer=layer, width=8, rank=rank, share=rank / 8)
            for layer, rank in zip(("stem", "block"), ranks, strict=True)
        ),
        information=(
            LayerInformation(layer="stem", nats=4.6, saturated=True, **held),
            LayerInformation(layer="block", nats=nats, saturated=False, **held),
        ),
        landscape=Landscape(coordinates=(-0.4, 0.0, 0.4), total=plane, exits=(plane, plane)),
        overthinking=Overthinking(
            accuracy=(0.5, 0.75), spoiled=((0.0, 0.125), (0.0, 0.0)), destructive=0.125, wasteful=0.375, oracle=0.875
        ),
        seconds=1.0,
    )
