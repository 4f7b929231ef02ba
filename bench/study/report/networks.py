"""What is drawn of the networks themselves: rank and information of layers, overthinking, loss around the weights."""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import msgspec

from eeinfer.bench.reporting.drawings import Plot, Point, Series
from eeinfer.bench.reporting.templates import drawn
from eeinfer.bench.study.report.contexts import Context
from eeinfer.bench.study.report.maps import loss_map, shades
from eeinfer.bench.study.report.plots import colours
from eeinfer.bench.study.results.shapes import LayerFacts, Mean, NetworkFacts, Results
from eeinfer.training.analysis.features import layers_before

Square = tuple[tuple[float, ...], ...]


def section(results: Results, context: Context) -> SimpleNamespace | None:
    """Return what the page shows of a context's networks; None where none was looked at."""
    found = {network.labels[context.factor]: network for network in results.networks if context.has(network.labels)}
    if not found:
        return None
    return SimpleNamespace(
        name=context.name,
        sentence=_sentence(found),
        images=next(iter(found.values())).images,
        rank=drawn(rank(found), ""),
        information=drawn(information(found), ""),
        overthinking=drawn(overthinking(found), ""),
        sections=[(name, drawn(slices(found, place), "")) for place, name in _parts(found)],
        shades=shades(_range(found)),
        maps=[(value, loss_map(network.plane, _range(found), value)) for value, network in found.items()],
    )


def _sentence(found: dict[str, NetworkFacts]) -> str:
    """What the figures say, in numbers: everything in the order of the networks."""

    def told(of: Callable[[NetworkFacts], str]) -> str:
        return ", ".join(f"{value} {of(network)}" for value, network in found.items())

    ranks = told(lambda one: f"{sum(layer.rank.mean for layer in one.layers) / len(one.layers):.0f}")
    spoiled = told(lambda one: f"{100 * one.destructive.mean:.1f} %")
    near = told(lambda one: f"{one.around[0].mean:.2f}")
    full = told(lambda one: f"{sum(layer.saturated for layer in one.layers)} of {len(one.layers) * len(one.seeds)}")
    return (
        f"Mean rank of a layer: {ranks}. Wrong at the last exit where an earlier one was right: {spoiled}. Loss near "
        f"the weights, in nats: {near}. Layers whose information is saturated: {full}."
    )


def rank(found: dict[str, NetworkFacts]) -> Plot:
    """Numerical rank of each layer."""
    return _by_layer(found, "numerical rank of each layer", "numerical rank", lambda layer: layer.rank, _no_limit)


def information(found: dict[str, NetworkFacts]) -> Plot:
    """I(X;Z) of each layer, pale where it is saturated, and where it ends."""
    plot = _by_layer(
        found, "information of each layer on the input", "I(X;Z), nats", lambda layer: layer.nats, _limited
    )
    layers = next(iter(found.values())).layers
    ends = tuple(
        Point(x=at, y=layers[0].most, label="ln of the images", facts=("the estimate ends here",))
        for at in (1, len(layers))
    )
    limit = Series(name="where it ends", colour="muted", mark="dot", line=True, points=ends)
    return msgspec.structs.replace(plot, series=(*plot.series, limit))


def overthinking(found: dict[str, NetworkFacts]) -> Plot:
    """Which share of images each exit has right and the last one wrong."""
    most = max(len(network.spoiled) for network in found.values())
    named = colours([*found])
    return Plot(
        name="right at an exit and wrong at the last one",
        x="",
        y="share of test images, %",
        x_names=tuple(f"exit {k}" for k in range(most)),
        y_from=0,
        series=tuple(
            Series(
                name=value,
                colour=named[value],
                line=True,
                whiskers=True,
                points=tuple(
                    _point(k, mean, f"{value}, exit {k}", 100, " % right here, wrong at the last exit")
                    for k, mean in enumerate(network.spoiled)
                ),
            )
            for value, network in found.items()
        ),
    )


def slices(found: dict[str, NetworkFacts], place: int) -> Plot:
    """The loss along the first direction of the plane: of the mean of exits (place 0) or of one exit."""
    named = colours([*found])
    return Plot(
        name="loss along a direction through the weights",
        x="filter lengths from the weights",
        y="loss, nats",
        y_log=True,
        series=tuple(
            Series(name=value, colour=named[value], mark="dot", line=True, points=_slice(value, network, place))
            for value, network in found.items()
            if place <= len(network.plane.exits)
        ),
    )


def _slice(value: str, network: NetworkFacts, place: int) -> tuple[Point, ...]:
    losses, middle = _square(network, place), len(network.plane.coordinates) // 2
    return tuple(
        Point(x=round(at, 3), y=line[middle], label=f"{value}, at {at:+.2g}", facts=(f"loss {line[middle]:.3g} nats",))
        for at, line in zip(network.plane.coordinates, losses, strict=True)
    )


def _parts(found: dict[str, NetworkFacts]) -> list[tuple[int, str]]:
    """The mean, the first and the last exit: those between lie between."""
    exits = max(len(network.plane.exits) for network in found.values())
    shown = sorted({0, exits - 1})
    return [(0, "Mean of exits"), *((k + 1, "Last exit" if k == exits - 1 else f"Exit {k}") for k in shown)]


def _square(network: NetworkFacts, place: int) -> Square:
    return (network.plane.total, *network.plane.exits)[place]


def _range(found: dict[str, NetworkFacts]) -> tuple[float, float]:
    """One range of colours for all maps beside each other; above four times the loss of chance all is one colour."""
    every = [loss for network in found.values() for line in network.plane.total for loss in line if loss > 0]
    low = min(every, default=1e-3)
    return low, max(min(max(every, default=low), 4 * math.log(10)), 1.01 * low)


def _by_layer(
    found: dict[str, NetworkFacts],
    name: str,
    y: str,
    of: Callable[[LayerFacts], Mean],
    limit: Callable[[NetworkFacts, LayerFacts], Sequence[str]],
) -> Plot:
    named = colours([*found])
    return Plot(
        name=name,
        x="layer, from the input on",
        y=y,
        y_from=0,
        x_marks=_exits(next(iter(found.values()))),
        series=tuple(
            Series(
                name=value,
                colour=named[value],
                mark="dot",
                line=True,
                whiskers=True,
                points=tuple(
                    _point(at, of(layer), f"{value}, {layer.layer}", 1, "", limit(network, layer))
                    for at, layer in enumerate(network.layers, start=1)
                ),
            )
            for value, network in found.items()
        ),
    )


def _exits(network: NetworkFacts) -> tuple[tuple[float, str], ...]:
    """Where exits sit between the layers, which are counted from 1; a context's networks have the same."""
    layers = [layer.layer for layer in network.layers]
    places = [(layers_before(layers, module), k) for k, module in enumerate(network.exits)]
    return tuple((place + 0.5, f"exit {k}") for place, k in places if place is not None)


def _no_limit(network: NetworkFacts, layer: LayerFacts) -> Sequence[str]:
    return ()


def _limited(network: NetworkFacts, layer: LayerFacts) -> Sequence[str]:
    if not layer.saturated:
        return ()
    return (f"saturated in {layer.saturated} of {len(network.seeds)} seeds: it may hold more",)


def _point(x: float, mean: Mean, label: str, times: float, unit: str, limit: Sequence[str] = ()) -> Point:
    centre, spread = times * mean.mean, None if mean.std is None else times * mean.std
    return Point(
        x=x,
        y=round(centre, 4),
        y_low=None if spread is None else round(centre - spread, 4),
        y_high=None if spread is None else round(centre + spread, 4),
        label=label,
        facts=(f"{centre:.3g}{'' if spread is None else f' ± {spread:.2g}'}{unit}", *limit),
        faded=bool(limit),
    )
