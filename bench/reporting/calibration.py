"""What a calibration did to every exit, as one HTML file: a table before and after, and reliability diagrams."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eeinfer.bench.reporting.drawings import Plot, Point, Series
from eeinfer.bench.reporting.formats import NONE, percent
from eeinfer.bench.reporting.page import Row
from eeinfer.bench.reporting.plots import CASCADE, MUTED, STATIC, svg
from eeinfer.bench.reporting.templates import drawn, page
from eeinfer.training.calibration import Calibration, ExitQuality, ReliabilityBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTE = (
    "Calibration moves probabilities, no weights. It was fitted on validation images; what stands first is of test "
    "images, which had no part in it."
)
GIVEN = (
    "Calibration moves probabilities, no weights. It was fitted on one half of the images that were given; test images "
    "below are the other half, and validation images those that fitted it."
)
RANKS = (
    "NLL in nats; calibration error over ten bins of confidence; Brier score from 0 to 2: lower is better in all "
    "three. Ranks right: how likely a right answer has a higher confidence than a wrong one (AUROC, 0.5 is chance). "
    "Ranks safe: the same for images that lose nothing by leaving here (right here, or wrong at the last exit too) "
    "against those that do. This is what a threshold lives on: an exit can be calibrated well and rank badly. A dash: "
    "nothing to rank."
)
DIAGRAM = (
    "Accuracy over mean confidence of the images in each tenth of confidence; on the line an exit is as often right as "
    "it says, below it is too sure of itself. The larger a point, the more images."
)
_COLUMNS = ["exit", "accuracy %", "NLL", "calibration error", "Brier score", "ranks right", "ranks safe"]


def calibration_page(found: Calibration) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 or matplotlib is missing.
    """
    pairs = list(zip(found.test_before, found.test_after, strict=True))
    return page(
        "calibration.html",
        command="eeinfer calibrate",
        title=f"{found.path.name}: calibrated by {found.kind}",
        advice=_advice(found),
        NOTE=GIVEN if found.given else NOTE,
        RANKS=RANKS,
        DIAGRAM=DIAGRAM,
        columns=_COLUMNS,
        rows=_rows(found.test_before, found.test_after),
        fitted=_rows(found.validation_before, found.validation_after),
        diagrams=[
            (f"exit {k}", drawn(reliability(k, before, after), diagram(k, before, after)))
            for k, (before, after) in enumerate(pairs)
        ],
    )


def _advice(found: Calibration) -> str:
    """What to take from it."""
    before, after = ([exit.ece for exit in exits] for exits in (found.test_before, found.test_after))
    errors = f"calibration error {sum(before) / len(before):.3f} before, {sum(after) / len(after):.3f} after"
    if sum(after) < sum(before):
        return (
            f"Export {found.path.name}: its probabilities are truer on test images ({errors}, mean over exits). "
            "Thresholds that were chosen before no longer fit: choose them anew."
        )
    return f"Keep the checkpoint you had: on test images this brought nothing ({errors}, mean over exits)."


def reliability(exit: int, before: ExitQuality, after: ExitQuality) -> Plot:
    """Return the same as data."""
    even = (Point(x=0, y=0, label="as often right as it says"), Point(x=1, y=1, label="as often right as it says"))
    return Plot(
        name=f"accuracy over confidence of exit {exit}",
        x="confidence",
        y="accuracy",
        x_from=0,
        y_from=0,
        series=(
            Series(name="as often right as it says", colour="muted", mark="dot", line=True, points=even),
            _binned(f"before, error {before.ece:.3f}", "static", before.reliability),
            _binned(f"after, error {after.ece:.3f}", "cascade", after.reliability),
        ),
    )


def _binned(name: str, colour: str, bins: Sequence[ReliabilityBin]) -> Series:
    total = sum(bin.images for bin in bins)
    points = tuple(
        Point(
            x=bin.confidence,
            y=bin.accuracy,
            label=name.partition(",")[0],
            radius=2 + 9 * (bin.images / total) ** 0.5,
            facts=(f"confidence {bin.confidence:.3f}, accuracy {bin.accuracy:.3f}", f"{bin.images} images"),
        )
        for bin in bins
        if bin.images
    )
    return Series(name=name, colour=colour, line=True, points=points)


def diagram(exit: int, before: ExitQuality, after: ExitQuality) -> str:
    """Return the reliability diagram of one exit, as SVG to be put inline."""
    return svg(f"exit{exit}", (3.6, 3.3), lambda axes: _draw(axes, before, after))


def _draw(axes: "Axes", before: ExitQuality, after: ExitQuality) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _points(axes, before.reliability, STATIC, f"before, error {before.ece:.3f}")
    _points(axes, after.reliability, CASCADE, f"after, error {after.ece:.3f}")
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, labelcolor=MUTED, fontsize=8)


def _points(axes: "Axes", bins: Sequence[ReliabilityBin], colour: str, label: str) -> None:
    filled = [bin for bin in bins if bin.images]
    total = sum(bin.images for bin in filled)
    x, y = [bin.confidence for bin in filled], [bin.accuracy for bin in filled]
    axes.plot(x, y, color=colour, linewidth=1.4, marker="o", markersize=2.5, label=label)
    axes.scatter(x, y, s=[8 + 160 * bin.images / total for bin in filled], color=colour, alpha=0.55, linewidths=0)


def _rows(before: Sequence[ExitQuality], after: Sequence[ExitQuality]) -> list[Row]:
    pairs = zip(before, after, strict=True)
    return [("", [str(k), *_cells(old, new)]) for k, (old, new) in enumerate(pairs)]


def _cells(before: ExitQuality, after: ExitQuality) -> list[str]:
    names = ("nll", "ece", "brier", "ranks_right", "ranks_safe")
    accuracies = _moved(percent(before.accuracy, 2), percent(after.accuracy, 2))
    return [accuracies, *(_moved(*(_number(getattr(exit, name)) for exit in (before, after))) for name in names)]


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _moved(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"
