"""Numbers as people read them; the same in the terminal and on the page."""

import json
from collections.abc import Iterable

from msgspec import UNSET

from eeinfer.bench.reporting.report import Network, Overhead, Report, Threshold

NONE = "-"


class FlopsUnit:
    """One unit for all FLOPs of a report, so that columns compare at a glance."""

    def __init__(self, largest: float) -> None:
        steps = ((1e9, "GFLOPs"), (1e6, "MFLOPs"), (1e3, "kFLOPs"))
        self.divisor, self.name = next((step for step in steps if largest >= step[0]), (1.0, "FLOPs"))

    def text(self, flops: float | None) -> str:
        """Return the number without its unit, three or four digits of it."""
        return NONE if flops is None else significant(flops / self.divisor)


def flops_unit(report: Report) -> FlopsUnit:
    """Choose the unit by the dearest thing in the report."""
    return FlopsUnit(max(report.static.flops, report.all_exits.flops))


def significant(value: float) -> str:
    """Three significant digits, never in powers of ten: 1234, 123, 12.3, 1.23, 0.123."""
    size = abs(value)
    return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage without the sign."""
    return NONE if share is None else f"{100 * share:.{digits}f}"


def times(factor: float | None) -> str:
    """A factor: 1.52x."""
    return NONE if factor is None else f"{factor:.2f}x"


def tau_text(tau: float | None) -> str:
    """A threshold, written with enough digits for the grid of a hundred."""
    return NONE if tau is None else f"{tau:.3f}".rstrip("0").rstrip(".")


def point_text(report: Report, point: float | None) -> str:
    """What tells a threshold apart from the others of its grid, without its name."""
    return NONE if point is None else tau_text(point) if report.grid.parameter == "tau" else f"{point:.3g}"


def chosen(report: Report) -> str:
    """The headline threshold with its name: tau 0.9, budget 7."""
    return f"{report.grid.parameter} {point_text(report, headline(report).point)}"


def use(report: Report, row: Threshold) -> str:
    """How a program runs the bundle at a threshold."""
    early = row.taus[:-1] or row.taus
    every = [f"{tau:.6g}" for tau in (early[:1] if len(set(early)) == 1 else row.taus)]
    tau = every[0] if len(every) == 1 else f"[{', '.join(every)}]"
    folder = report.bundle.folder
    named = f"{report.bundle.name}.eeb" if folder is UNSET else folder
    bundle = "" if named is None else f"{json.dumps(named, ensure_ascii=False)}, "
    return f"eeinfer.load({bundle}tau={tau})"


def own_name(report: Report) -> str:
    """What the bundle's own thresholds are called."""
    return "own taus" if report.own.promise is None else "certified"


def milliseconds(report: Report, ms: float) -> str:
    """Milliseconds per image."""
    return significant(ms / report.settings.batch)


def has_device_times(report: Report) -> bool:
    """Whether a GPU's own times stand beside the host's."""
    return any(row.cascade_device_ms is not None for row in report.overheads)


def device_times(row: Overhead) -> list[str]:
    """The GPU's own milliseconds of cascade and session, for single images; nothing where there are none."""
    return [significant(ms) for ms in (row.cascade_device_ms, row.session_device_ms) if ms is not None]


def headline(report: Report) -> Threshold:
    """The threshold the report stands for."""
    return report.thresholds[report.headline]


def networks(report: Report) -> Iterable[Network]:
    """What the cascade is compared with, cheapest first."""
    return (*report.cuts, report.static, report.all_exits)


def full_name(report: Report, network: Network) -> str:
    """What a network is called where there is room."""
    if network in report.cuts:
        return f"exit {network.exit} as a network of its own"
    return "static network" if network is report.static else "all exits computed, nobody leaves"


def selection(report: Report) -> list[int]:
    """Indices of about ten thresholds worth reading: both ends, the headline, tau 0.9 / 0.95 / 0.99, and between
    them those that divide the range of costs evenly, where the curve bends.
    """
    rows = report.thresholds
    low, high = rows[0].mean_flops, rows[-1].mean_flops
    wanted = {0, len(rows) - 1, report.headline}
    if report.grid.parameter == "tau":
        wanted |= {_nearest([row.point for row in rows], tau) for tau in (0.9, 0.95, 0.99)}
    wanted |= {_nearest([row.mean_flops for row in rows], low + (high - low) * part / 6) for part in range(1, 6)}
    return sorted(wanted)


def _nearest(values: list[float], target: float) -> int:
    return min(range(len(values)), key=lambda i: abs(values[i] - target))
