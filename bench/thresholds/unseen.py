"""One promise, start to end: thresholds certified on half of the test images, then measured on the half never seen.

    python -m eeinfer.bench.thresholds.unseen --max-loss 0.01

Beside the certified thresholds: the fastest that seem to keep the promise on the half that chose, with no allowance for
chance (by eye), the bundle's own, and nobody leaving early. Speed-ups are measured on the unseen half, all in turns.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.text import Text

from eeinfer.arrays import take
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.data import bench_data, check_data
from eeinfer.bench.environment import processor
from eeinfer.bench.reporting.formats import percent, significant, times
from eeinfer.bench.reporting.report import Network, Threshold
from eeinfer.bench.reporting.table import plain_table
from eeinfer.bench.sweep.outputs import all_outputs
from eeinfer.bench.thresholds.config import ThresholdsConfig
from eeinfer.bench.thresholds.find import BY_EYE, CERTIFIED, NEVER_EARLY, Found, find_thresholds, timed_taus
from eeinfer.bench.thresholds.table import tau_list, verdict
from eeinfer.bundle.certificate import MAX_LOSS, CertifiedPromise
from eeinfer.loading import load
from eeinfer.progress import Progress, silent
from eeinfer.samples import bundle_path
from eeinfer.thresholds.split import halves

Array = NDArray[Any]

AS_SHIPPED = "the bundle's own"


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What thresholds did to images that had no part in anything before."""

    found: Found  # on the first half
    images: int  # of the second
    static: Network
    points: dict[str, Threshold]

    def loss(self, name: str) -> float:
        """Share of the unseen images by which accuracy is below the static network's."""
        return self.static.accuracy - self.points[name].accuracy

    @property
    def kept(self) -> bool:
        """Whether the certified thresholds, if any, lose no more than was promised."""
        return CERTIFIED not in self.points or self.loss(CERTIFIED) <= self.found.config.promise.value


def on_unseen(
    bundle: str | os.PathLike[str],
    images: Any,
    labels: Array,
    config: ThresholdsConfig,
    timing: BenchConfig,
    progress: Progress = silent,
) -> Unseen:
    """Certify on a random half of the images, and measure on the other.

    Args:
        bundle: the .eeb folder.
        images: as `eeinfer.bench.measure`.
        labels: [N].
        config: a promise of the kind max_loss; its seed splits the images.
        timing: of the unseen half.
        progress: told what is being done.
    """
    first, second = (np.sort(half) for half in halves(len(labels), config.seed))
    quick = BenchConfig(threads=timing.threads, rounds=1, min_seconds=0, pairs=1, latency_samples=8)
    found = find_thresholds(bundle, take(images, first), labels[first], config, progress, timing=quick)
    with load(bundle, threads=timing.threads) as engine:
        known = check_data(images, labels, len(engine.manifest.classes))
        outputs = all_outputs(engine, images, known, second, progress)
        choice = found.choice
        chosen = {CERTIFIED: choice.taus, BY_EYE: None if choice.by_eye is None else choice.by_eye.taus}
        chosen |= {AS_SHIPPED: engine.tau, NEVER_EARLY: choice.never_early.taus}
        taus = {name: one for name, one in chosen.items() if one is not None}
        findings = timed_taus(engine, images, second, outputs, np.array([*taus.values()]), timing, progress)
    points = dict(zip(taus, findings.thresholds(), strict=True))
    return Unseen(found=found, images=len(second), static=findings.static, points=points)


def render_unseen(seen: Unseen) -> Group:
    """Return what a terminal shows."""
    static, promise = seen.static, seen.found.config.promise
    table = plain_table("", "tau", "accuracy\n%", "points\nlost", "mean\nms", "p99\nms", "vs\nstatic", "exits\n%")
    table.add_row("static network", "-", percent(static.accuracy, 2), "0.00", significant(static.timing.mean_ms),
                  significant(static.timing.p99_ms), "1.00x", "-")  # fmt: skip
    for name, row in seen.points.items():
        table.add_row(
            name, tau_list(row.taus), percent(row.accuracy, 2), f"{100 * seen.loss(name):.2f}",
            significant(row.timing.mean_ms), significant(row.timing.p99_ms), times(row.speedup),
            " ".join(percent(share, 0) for share in row.shares),
        )  # fmt: skip
    said = f"kept on the {seen.images} unseen images" if seen.kept else f"BROKEN on the {seen.images} unseen images"
    return Group(
        Text(f"{promise}, {100 * seen.found.config.confidence:.4g} % sure; {processor()}", style="bold"),
        Text(f"on the half that chose and certified ({seen.found.choice.rows} images): {verdict(seen.found)}"),
        "",
        table,
        "",
        Text(said, style="bold"),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=bundle_path())
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--max-loss", type=float, default=0.01)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    images = bench_data(given.bundle, given.data)
    config = ThresholdsConfig(
        promise=CertifiedPromise(kind=MAX_LOSS, value=given.max_loss),
        confidence=given.confidence,
        threads=given.threads,
        seed=given.seed,
    )
    timing = BenchConfig(threads=given.threads, latency_samples=200, min_seconds=20, max_seconds=40, seed=given.seed)
    seen = on_unseen(given.bundle, images.images, images.labels, config, timing)
    Console().print(render_unseen(seen))


if __name__ == "__main__":
    main()
