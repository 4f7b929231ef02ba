"""The studies that have names: those behind the paper's figures and tables, and one over all methods.

Each has two sizes. `paper` takes the paper's data and networks, as the recipes have them, and wants a GPU. `small` asks
the same question of Fashion-MNIST and networks of a few million multiply-adds, on two processor cores.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from eeinfer.bench.study.plans.bases import SETUPS, SYSTEMS
from eeinfer.bench.study.plans.grid import Change, Factor, expand, regimes, setting
from eeinfer.bench.study.plans.placements import placement
from eeinfer.bench.study.runs import Study
from eeinfer.errors import ConfigError, unknown
from eeinfer.training.config import HeadConfig, TrainConfig

SIZES = ("small", "paper")
MATCHED = "joint (matched)"  # joint trained for as many epochs as mixed has in both of its phases
_SEEDS = {"small": 2, "paper": 4}

Grids = tuple[tuple[TrainConfig, tuple[Factor, ...]], ...]  # most studies have one


def named_study(name: str, size: str, seeds: int | None = None) -> Study:
    """Return a study by its name.

    Args:
        name: a key of STUDIES.
        size: of SIZES.
        seeds: how many, from 0; None takes the study's own number.

    Raises:
        ConfigError: an unknown name or size, or no seed.
    """
    if name not in STUDIES:
        raise ConfigError(unknown("study", name, STUDIES))
    if size not in SIZES:
        raise ConfigError(unknown("size", size, SIZES))
    make, question, shows, least = STUDIES[name]
    count = max(least, _SEEDS[size]) if seeds is None else seeds
    runs = (run for base, factors in make(size) for run in expand(base, factors, range(count)))
    return Study(name=name, size=size, question=question, shows=shows, runs=tuple(runs))


def _setups(size: str, *names: str) -> Factor:
    """A factor whose values are whole configurations; the seed stays."""
    return Factor(name="set-up", values=tuple((name, _instead(SETUPS[size][name]())) for name in names))


def _instead(base: TrainConfig) -> Change:
    return lambda config: replace(base, seed=config.seed)


def _matched_epochs(config: TrainConfig) -> TrainConfig:
    epochs = config.phase1.epochs + config.phase2.epochs
    return replace(config, regime="joint", phase2=replace(config.phase2, epochs=epochs))


def _with_matched() -> Factor:
    return Factor(name="regime", values=(*regimes().values, (MATCHED, _matched_epochs)))


def _regimes(size: str) -> Grids:
    """Joint as long as mixed is what the paper's protocol lacks; GPF on the same ViT goes without."""
    base = SETUPS[size]["ViT, SDN"]()
    others = [name for name in SETUPS[size] if "GPF" not in name]
    return (
        (base, (_setups(size, *others), _with_matched())),
        (base, (_setups(size, "ViT, GPF"), regimes())),
    )


def _frequency(size: str) -> Grids:
    return ((SETUPS[size]["ViT, SDN"](), (placement("every 1", "every 2", "every 3"), regimes())),)


def _placement(size: str) -> Grids:
    """Four of twelve blocks at either end in the paper; two of six here."""
    ends = ("first 2", "last 2") if size == "small" else ("first 4", "last 4")
    return ((SETUPS[size]["ViT, SDN"](), (placement("every 1", *ends), regimes())),)


def _head_size(size: str) -> Grids:
    """Hidden layers of about 5 and 11 times the width of a token in the paper; of 4 and 8 times here."""
    widths = (256, 512) if size == "small" else (1024, 2048)
    values = [("one layer", ()), *((f"two layers, {width}", (width,)) for width in widths)]
    heads = Factor(name="heads", values=tuple((label, _hidden(hidden)) for label, hidden in values))
    return ((SETUPS[size]["ViT, SDN"](), (heads, regimes())),)


def _hidden(hidden: tuple[int, ...]) -> Change:
    return lambda config: replace(config, method=replace(config.method, heads=HeadConfig(hidden=hidden)))


def _learning_rate(size: str) -> Grids:
    """A backbone that has hardly learned and a good one; on a GPU phase 2 at two rates as well."""
    base = SETUPS[size]["ViT, SDN"]()
    shares = {1: (0.1, 1)} if size == "small" else {1: (0.1, 1), 2: (0.3, 1)}
    return ((base, (*(_rates(base, number, each) for number, each in shares.items()), regimes())),)


def _rates(base: TrainConfig, number: int, shares: Sequence[float]) -> Factor:
    """The learning rate of a phase, as shares of what it is otherwise."""
    phase = f"phase{number}"
    values = tuple(_rate(phase, getattr(base, phase).lr * share) for share in shares)
    return Factor(name=f"lr of phase {number}", values=values)


def _rate(phase: str, lr: float) -> tuple[str, Change]:
    rounded = float(f"{lr:.2g}")
    return f"{rounded:g}", lambda config: replace(config, **{phase: replace(getattr(config, phase), lr=rounded)})


def _gradient_scaling(size: str) -> Grids:
    """Phase 2 by SGD in both arms: Adam would nearly cancel a factor that stays the same (METHODS 4.12)."""
    setup = "ViT, SDN" if size == "small" else "ResNet, SDN"
    base = SETUPS[size][setup]()
    if size == "small":
        base = replace(base, phase2=replace(base.phase2, optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=5e-4))
    arms = [
        ("off", {"loss_weights": "mean", "gradient_rescaling": False}),
        ("on", {"loss_weights": "sum", "gradient_rescaling": True}),
    ]
    return ((base, (setting("rescaling", arms), regimes("joint", "mixed"))),)


def _pretrained(size: str) -> Grids:
    return ((SETUPS[f"{size} pretrained"]["ViT, SDN"](), (regimes(),)),)


def _systems(size: str) -> Grids:
    return tuple(
        (make(), (Factor(name="system", values=((name, _unchanged),)), regimes(*names)))
        for name, (make, names) in SYSTEMS[size].items()
    )


def _unchanged(config: TrainConfig) -> TrainConfig:
    return config


def _analysis(size: str) -> Grids:
    return ((SETUPS[size]["ViT, SDN"](), (regimes(),)),)


# Name -> how it is made, its question, what of the paper it answers to, and the least number of seeds.
STUDIES: dict[str, tuple[Callable[[str], Grids], str, str, int]] = {
    "regimes": (_regimes, "Which training regime gives the best accuracy at which cost?", "Figures 4 to 7", 3),
    "pretrained": (_pretrained, "Does the order of the regimes hold from pretrained weights?", "Figure 8", 1),
    "frequency": (_frequency, "How many exits should there be, under which regime?", "Table 1", 1),
    "placement": (_placement, "Do early or late exits favour a regime?", "Figures 9 and 10", 1),
    "head-size": (_head_size, "Do larger heads pay, under which regime?", "Table 2", 1),
    "learning-rate": (_learning_rate, "What does a badly trained backbone do to mixed?", "Figure 11", 1),
    "gradient-scaling": (_gradient_scaling, "Does gradient rescaling help joint or mixed?", "Figure 12", 1),
    "systems": (_systems, "Which method under which regime, on one backbone and data set?", "", 1),
    "analysis": (_analysis, "What do the regimes do to rank, information and loss landscape?", "Figures 1 to 3", 1),
}
