"""What is drawn of a study: curves, where images leave, single exits, budgets side by side, and what training took."""

from collections.abc import Sequence

from eeinfer.bench.reporting.drawings import Plot, Point, Series
from eeinfer.bench.study.report.contexts import REGIME, Context, cell_of, contexts_of, lines_in, rows_in
from eeinfer.bench.study.results.shapes import MS, Line, Mean, Results, Row

_REGIMES = {"disjoint": "static", "joint": "cut", "mixed": "cascade"}
_OTHERS = ("own", "#b45309", "#64748b", "#be185d", "#4d7c0f")
_SHADES = ("#c7e3f4", "#9ccbe8", "#6aaed6", "#3f8fc5", "#2070b4", "#105a9c", "#08427d", "#062f5c")
_PHASES = ("#9ccbe8", "#2070b4", "#d98736")


def colours(values: Sequence[str]) -> dict[str, str]:
    """Give every value a colour; the three regimes of the paper keep theirs on every page."""
    rest = iter(_OTHERS * len(values))
    return {value: _REGIMES.get(value) or next(rest) for value in values}


def curve(results: Results, context: Context, cost: str) -> Plot:
    """Accuracy against FLOPs (in per cent of the network without exits) or milliseconds, mean and deviation."""
    named, lines = colours(context.values), lines_in(results, context)
    in_time = cost == MS
    return Plot(
        name=f"accuracy against {cost} per image{f', {context.name}' if context.name else ''}",
        x="milliseconds per image" if in_time else "FLOPs per image, % of the network without exits",
        y="test accuracy, %",
        series=tuple(
            Series(
                name=_named(value, line),
                colour=named[value],
                mark="dot",
                line=True,
                band=line.accuracy_std is not None,
                points=tuple(_on_curve(value, line, t, in_time) for t in range(len(line.points))),
            )
            for value, line in lines.items()
        ),
    )


def _named(value: str, line: Line) -> str:
    return f"{value} ({line.phases}, {len(line.seeds)} seed{'s' if len(line.seeds) > 1 else ''})"


def _on_curve(value: str, line: Line, t: int, in_time: bool) -> Point:
    accuracy = 100 * line.accuracy[t]
    std = None if line.accuracy_std is None else 100 * line.accuracy_std[t]
    spread = "" if std is None else f" ± {std:.2f}"
    share = 100 * line.flops[t] / line.static_flops
    return Point(
        x=line.ms[t] if in_time else round(share, 3),
        y=round(accuracy, 3),
        y_low=None if std is None else round(accuracy - std, 3),
        y_high=None if std is None else round(accuracy + std, 3),
        label=f"{value}, threshold {line.points[t]:.3g}",
        facts=(f"accuracy {accuracy:.2f}{spread} %", f"{share:.1f} % of the FLOPs, {line.ms[t]:.3f} ms"),
    )


def exits_left(results: Results, context: Context) -> Plot:
    """Where test images leave within 25, 50 and 100 % of the FLOPs: bars of shares."""
    lines, names, shares = lines_in(results, context), list[str](), list[tuple[float, ...]]()
    for value, row in rows_in(results, context).items():
        for fraction in (0.25, 0.5, 1.0):
            point = cell_of(row, fraction).point
            dear = cell_of(row, fraction).accuracy is None  # without a bar, as even the first exit costs more
            if point is not None or dear:
                names.append(f"{value}, {100 * fraction:.0f} %{': too dear' if dear else ''}")
                shares.append(() if point is None else lines[value].shares[lines[value].points.index(point)])
    return Plot(
        kind="bars",
        name="share of test images that leave at each exit",
        x="share of test images, %",
        y_names=tuple(names),
        series=tuple(_leaving(k, names, shares) for k in range(max(map(len, shares), default=0))),
    )


def _leaving(exit: int, names: Sequence[str], shares: Sequence[tuple[float, ...]]) -> Series:
    points = tuple(
        Point(
            x=round(100 * share[exit], 3),
            y=at,
            label=f"{names[at]}: exit {exit}",
            facts=tuple(f"exit {k}: {100 * each:.1f} %" for k, each in enumerate(share)),
        )
        for at, share in enumerate(shares)
        if exit < len(share)
    )
    return Series(name=f"exit {exit}", colour=_SHADES[exit % len(_SHADES)], points=points)


def single_exits(results: Results, context: Context) -> Plot:
    """The accuracy of each exit alone, and of the network without exits."""
    named, lines = colours(context.values), lines_in(results, context)
    most = max(len(line.exits) for line in lines.values())
    names = (*(f"exit {k}" for k in range(most - 1)), "last", "no exits")
    return Plot(
        name="test accuracy of each exit alone",
        x="",
        y="test accuracy, %",
        x_names=names,
        series=tuple(
            Series(
                name=_named(value, line),
                colour=named[value],
                line=True,
                whiskers=True,
                points=tuple(
                    _mean_point(at, mean, f"{value}, {names[at]}")
                    for at, mean in enumerate((*line.exits, line.static), start=most - len(line.exits))
                ),
            )
            for value, line in lines.items()
        ),
    )


def side_by_side(results: Results, fraction: float | None) -> Plot:
    """What every regime reaches within one budget of FLOPs, over what else the study varies."""
    contexts = contexts_of(results, REGIME)
    rows = [rows_in(results, context) for context in contexts]
    values = list(dict.fromkeys(value for row in rows for value in row))
    named = colours(values)
    return Plot(
        name="accuracy of every regime within one budget",
        x=", ".join(contexts[0].labels),
        y="test accuracy, %",
        x_names=tuple(context.values_alone for context in contexts),
        series=tuple(
            Series(
                name=value,
                colour=named[value],
                whiskers=True,
                points=tuple(_bought(rows, contexts, value, fraction, 0.1 * (place - (len(values) - 1) / 2))),
            )
            for place, value in enumerate(values)
        ),
    )


def _bought(
    rows: Sequence[dict[str, Row]], contexts: Sequence[Context], value: str, fraction: float | None, aside: float
) -> list[Point]:
    found = []
    for at, (row, context) in enumerate(zip(rows, contexts, strict=True)):
        mean = cell_of(row[value], fraction).accuracy if value in row else None
        if mean is not None:
            found.append(_mean_point(at + aside, mean, f"{value}, {context.name}"))
    return found


def effort(results: Results) -> Plot:
    """FLOPs of training by phase, mean over seeds."""
    rows = list(dict.fromkeys(tuple(one.labels.values()) for one in results.efforts))
    phases = sorted({one.phase for one in results.efforts})
    return Plot(
        kind="bars",
        name="what training took by phase",
        x="training, TFLOPs",
        y_names=tuple(", ".join(row) for row in rows),
        series=tuple(
            Series(
                name=f"phase {phase}",
                colour=_PHASES[phase - 1],
                points=tuple(
                    Point(
                        x=one.flops / 1e12,
                        y=rows.index(tuple(one.labels.values())),
                        label=f"{', '.join(one.labels.values())}: phase {phase}",
                        facts=(
                            f"{one.flops / 1e12:.2f} TFLOPs, {one.epochs:g} epochs, {one.seconds:.0f} s",
                            *(("trained once for several runs",) if one.shared else ()),
                        ),
                    )
                    for one in results.efforts
                    if one.phase == phase
                ),
            )
            for phase in phases
        ),
    )


def _mean_point(at: float, mean: Mean, label: str) -> Point:
    centre, spread = 100 * mean.mean, None if mean.std is None else 100 * mean.std
    return Point(
        x=at,
        y=round(centre, 3),
        y_low=None if spread is None else round(centre - spread, 3),
        y_high=None if spread is None else round(centre + spread, 3),
        label=label,
        facts=(f"{centre:.2f}{'' if spread is None else f' ± {spread:.2f}'} %",),
    )
