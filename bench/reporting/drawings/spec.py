"""What a plot shows; bench/reporting/page.js draws it."""

import msgspec

from eeinfer.bench.reporting.records import Record


class Point(Record, frozen=True, kw_only=True):
    """One point, or one bar."""

    x: float
    y: float  # of a bar: the number of its row
    label: str  # what it is, for who points at it
    facts: tuple[str, ...] = ()  # further lines
    x_low: float | None = None  # of an interval
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    step: int | None = None  # of the slider that it belongs to
    faded: bool = False  # something else is at least as good in both
    number: str | None = None  # written beside it
    colour: str | None = None  # of a bar, where it differs from its series'
    radius: float | None = None  # of a round mark, pixels; None: as its kind is drawn


class Series(Record, frozen=True, kw_only=True):
    """Points of one kind."""

    name: str
    colour: str  # a custom property of page.css without its dashes, or #rrggbb
    points: tuple[Point, ...]
    mark: str = "o"  # dot, o, s, d, hollow, star
    line: bool = False
    band: bool = False  # the room between the points' intervals is filled
    whiskers: bool = False  # intervals are always drawn, not for the point in question alone


class Plot(Record, frozen=True, kw_only=True):
    """A whole plot."""

    name: str  # what it shows, for who cannot see it
    kind: str = "xy"  # xy, areas (the series of each x on top of each other) or bars (the same, lying)
    x: str
    y: str = ""
    series: tuple[Series, ...]
    front: tuple[tuple[float, float], ...] = ()  # corners of the Pareto front, from the left
    x_names: tuple[str, ...] = ()  # in place of numbers: x is a place among them
    y_names: tuple[str, ...] = ()
    x_marks: tuple[tuple[float, str], ...] = ()  # lines from bottom to top, from the left, with a word at each
    x_log: bool = False
    y_log: bool = False
    x_from: float | None = None  # the axis reaches to this number
    y_from: float | None = None
    y_line: float | None = None  # a line across, where both sides are equal


def as_json(plot: Plot) -> str:
    """Encode for the page's script; numbers that are none are left out by whoever makes the plot."""
    return msgspec.json.encode(plot).decode()
