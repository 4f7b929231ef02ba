"""An analysis as a table: one row a layer and network, a pair of exits, or a point of a plane."""

from collections.abc import Iterator

from eeinfer.training.analysis.analyse import INFORMATION, LANDSCAPE, RANK, Analysis, Network
from eeinfer.training.analysis.information import LayerInformation
from eeinfer.training.analysis.landscape import Landscape
from eeinfer.training.analysis.overthinking import Overthinking
from eeinfer.training.analysis.rank import LayerRank

Row = tuple[object, ...]

COLUMNS = {
    RANK: ("network", "regime", "layer", "width", "rank", "share"),
    INFORMATION: ("network", "regime", "layer", "sigma", "nats", "most", "saturated"),
    LANDSCAPE: ("network", "regime", "exit", "a", "b", "loss"),
}
_OVERTHINKING = ("network", "regime", "measure", "exit", "later exit", "share")


def columns(analysis: Analysis) -> tuple[str, ...]:
    """Return the names of the columns of `rows`."""
    return COLUMNS.get(analysis.kind, _OVERTHINKING)


def rows(analysis: Analysis) -> Iterator[Row]:
    """Yield everything that was found; shares lie in [0, 1], losses and information are in nats."""
    for network in analysis.networks:
        for row in _rows(network):
            yield network.label, network.regime, *row


def _rows(network: Network) -> Iterator[Row]:
    found = network.found
    if isinstance(found, Landscape):
        yield from _points(found)
    elif isinstance(found, Overthinking):
        yield from _shares(found)
    else:
        yield from map(_layer, found)


def _layer(found: LayerRank | LayerInformation) -> Row:
    if isinstance(found, LayerRank):
        return found.layer, found.width, found.rank, found.share
    return found.layer, found.sigma, found.nats, found.most, found.saturated


def _points(found: Landscape) -> Iterator[Row]:
    for exit, losses in (("mean", found.total), *enumerate(found.exits)):
        for a, line in zip(found.coordinates, losses, strict=True):
            for b, loss in zip(found.coordinates, line, strict=True):
                yield exit, a, b, loss


def _shares(found: Overthinking) -> Iterator[Row]:
    for k, share in enumerate(found.accuracy):
        yield "right", k, "", share
    last = len(found.accuracy) - 1
    yield "right at an earlier exit, wrong at the last", "", last, found.destructive
    yield "right at an earlier exit and at the last", "", last, found.wasteful
    yield "right at any exit", "", "", found.oracle
    for i, line in enumerate(found.spoiled):
        for j in range(i + 1, len(line)):
            yield "right and later wrong", i, j, line[j]


def text(analysis: Analysis) -> str:
    """Return what a terminal shows: everything but the points of a plane, of which the least and the rim are told."""
    if analysis.kind == LANDSCAPE:
        return "\n".join(_plane(network) for network in analysis.networks)
    table = [columns(analysis), *(tuple(map(_cell, row)) for row in rows(analysis))]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def _plane(network: Network) -> str:
    found = network.found
    assert isinstance(found, Landscape)
    middle = len(found.coordinates) // 2
    parts = []
    for name, losses in (("mean of exits", found.total), *((f"exit {k}", each) for k, each in enumerate(found.exits))):
        rim = [losses[0][middle], losses[-1][middle], losses[middle][0], losses[middle][-1]]
        parts.append(f"{name} {losses[middle][middle]:.3f} at the weights, {min(rim):.3f} to {max(rim):.3f} at the rim")
    return f"{network.label} ({network.regime}), loss in nats: " + "; ".join(parts)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
