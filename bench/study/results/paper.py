"""The numbers of "Joint or Disjoint" (Kubaty et al., 2024): Tables 1 and 2, SDN and ViT on Imagenette, four seeds.

They stand beside ours to compare orders and distances, not values: other data, another network, longer training.
"""

from eeinfer.bench.study.results.shapes import Theirs

Numbers = tuple[float, ...]  # accuracy and deviation in turn, per cent, for 25 / 50 / 75 / 100 / Max

_TABLE_1: dict[tuple[str, str], Numbers] = {
    ("every 1", "mixed"): (82.21, 0.08, 83.20, 0.39, 83.19, 0.41, 83.19, 0.41, 83.18, 0.45),
    ("every 1", "joint"): (81.44, 1.54, 82.51, 1.40, 82.46, 1.41, 82.46, 1.41, 82.45, 1.40),
    ("every 1", "disjoint"): (74.69, 1.08, 78.17, 1.49, 78.08, 1.35, 78.07, 1.31, 78.07, 1.31),
    ("every 2", "mixed"): (79.17, 0.83, 80.98, 1.35, 80.81, 1.17, 80.81, 1.17, 80.80, 1.17),
    ("every 2", "joint"): (76.92, 1.57, 80.08, 1.92, 80.24, 2.07, 80.21, 2.03, 80.22, 2.05),
    ("every 2", "disjoint"): (73.61, 0.46, 78.24, 1.14, 78.09, 1.34, 78.07, 1.31, 78.07, 1.31),
    ("every 3", "mixed"): (78.87, 1.10, 80.69, 1.08, 80.64, 0.96, 80.64, 0.96, 80.64, 0.96),
    ("every 3", "joint"): (77.83, 0.27, 80.14, 0.63, 80.11, 0.51, 80.10, 0.51, 80.10, 0.51),
    ("every 3", "disjoint"): (72.14, 1.05, 77.88, 1.38, 78.11, 1.41, 78.07, 1.31, 78.07, 1.31),
}
_TABLE_2: dict[tuple[str, str], Numbers] = {
    ("one layer", "mixed"): _TABLE_1["every 1", "mixed"],
    ("one layer", "joint"): _TABLE_1["every 1", "joint"],
    ("two layers, 1024", "mixed"): (80.25, 0.59, 81.28, 0.44, 81.13, 0.40, 81.13, 0.40, 81.11, 0.37),
    ("two layers, 1024", "joint"): (80.00, 0.69, 81.06, 0.57, 80.99, 0.69, 80.99, 0.69, 81.00, 0.68),
    ("two layers, 2048", "mixed"): (79.63, 0.67, 80.77, 0.58, 80.70, 0.51, 80.70, 0.51, 80.67, 0.52),
    ("two layers, 2048", "joint"): (79.68, 0.28, 80.67, 0.08, 80.64, 0.15, 80.64, 0.15, 80.61, 0.13),
}
_TABLES = {"frequency": ("placement", _TABLE_1), "head-size": ("heads", _TABLE_2)}


def theirs_for(study: str) -> tuple[Theirs, ...]:
    """Return the rows of the paper's table that the study of this name answers to; none for most."""
    if study not in _TABLES:
        return ()
    factor, table = _TABLES[study]
    return tuple(
        Theirs(labels={factor: value, "regime": regime}, cells=tuple(zip(numbers[::2], numbers[1::2], strict=True)))
        for (value, regime), numbers in table.items()
    )
