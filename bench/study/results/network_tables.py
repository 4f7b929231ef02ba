"""Tables of what the analyses found."""

from eeinfer.bench.study.results.networks import NEAR
from eeinfer.bench.study.results.shapes import Mean, NetworkFacts, Results
from eeinfer.bench.study.results.tables import TextTable, number


def network_tables(results: Results) -> list[TextTable]:
    """Return overthinking, rank and information of layers taken together, and the loss around the weights."""
    return [_overthinking(results), _layers(results), _planes(results)] if results.networks else []


def layers_csv_rows(results: Results) -> list[tuple[object, ...]]:
    """Return one row for each set of labels and layer."""
    names = results.plan.factors
    return [
        (
            *(network.labels.get(name, "") for name in names),
            len(network.seeds),
            layer.layer,
            layer.rank.mean,
            _or_empty(layer.rank.std),
            layer.nats.mean,
            _or_empty(layer.nats.std),
            layer.most,
            layer.saturated,
        )
        for network in results.networks
        for layer in network.layers
    ]


LAYER_COLUMNS = ("seeds", "layer", "rank", "rank_std", "nats", "nats_std", "most_nats", "saturated_seeds")


def _overthinking(results: Results) -> TextTable:
    rows = [
        (
            *_labels(network, results),
            *(_percent(each) for each in (network.destructive, network.wasteful, network.oracle)),
        )
        for network in results.networks
    ]
    return TextTable(
        title=f"overthinking: shares of {results.networks[0].images['overthinking']} test images in per cent",
        columns=(
            *_names(results),
            "right earlier, wrong at the last",
            "right earlier and at the last",
            "right at any exit",
        ),
        rows=tuple(rows),
    )


def _layers(results: Results) -> TextTable:
    """A layer each would be a table of hundreds of rows; they are in layers.csv and in the report."""
    rows = []
    for network in results.networks:
        ranks = [layer.rank.mean for layer in network.layers]
        third = max(len(ranks) // 3, 1)
        saturated = sum(layer.saturated for layer in network.layers)
        rows.append(
            (
                *_labels(network, results),
                *(
                    f"{sum(part) / len(part):.1f}"
                    for part in (ranks[:third], ranks[third:-third] or ranks, ranks[-third:])
                ),
                f"{sum(layer.nats.mean for layer in network.layers) / len(network.layers):.2f}",
                f"{saturated} of {len(network.layers) * len(network.seeds)}",
            )
        )
    images = results.networks[0].images
    return TextTable(
        title=f"numerical rank ({images['rank']} test images) and information on the input ({images['information']} "
        "test images, in nats, under the noise that the first network asks for), mean over layers and seeds; "
        "information of a saturated layer may be larger than told",
        columns=(*_names(results), "rank, first third", "middle", "last third", "information", "saturated layers"),
        rows=tuple(rows),
    )


def _planes(results: Results) -> TextTable:
    rows = [
        (
            *_labels(network, results),
            *(_nats(pair[place]) for place in (0, 1, -1) for pair in (network.at_weights, network.around)),
        )
        for network in results.networks
    ]
    parts = ("mean of exits", "first exit", "last exit")
    return TextTable(
        title=f"loss of {results.networks[0].images['landscape']} training images in nats: at the weights, and mean "
        f"within {NEAR} filter lengths of them on a plane of random directions",
        columns=(*_names(results), *(f"{part}, {where}" for part in parts for where in ("at", "around"))),
        rows=tuple(rows),
    )


def _names(results: Results) -> tuple[str, ...]:
    return (*results.plan.factors, "phases", "seeds")


def _labels(network: NetworkFacts, results: Results) -> tuple[str, ...]:
    labels = (network.labels.get(name, "") for name in results.plan.factors)
    return (*labels, network.phases, str(len(network.seeds)))


def _percent(share: Mean) -> str:
    return number(100 * share.mean, None if share.std is None else 100 * share.std)


def _nats(loss: Mean) -> str:
    return number(loss.mean, loss.std)


def _or_empty(value: float | None) -> object:
    return "" if value is None else value
