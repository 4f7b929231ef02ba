"""Everything that decides what a training run computes: frozen settings with real defaults, checked when made."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from eeinfer.errors import ConfigError, unknown
from eeinfer.numbers import is_number, is_whole
from eeinfer.training.regimes import phase_string, phases
from eeinfer.training.typed import fitted

Option: TypeAlias = bool | int | float | str
ExitPosition: TypeAlias = int | float | str

OPTIMIZERS = ("sgd", "adamw")
SCHEDULERS = ("none", "cosine", "steps")
LOSS_WEIGHTS = ("method", "mean", "sum", "linear", "early")
HEAD_TYPES = ("standard", *(f"conv_{n}l" for n in range(1, 6)), "conv_same", "msd", "pooler_tanh", "swin")
SCORES = ("method", "max_softmax", "margin", "entropy")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which images, and how they are fed."""

    name: str = "digits"  # a key of eeinfer.training.data.DATASETS
    root: str | None = None  # folder that holds the files; None looks in $EEINFER_DATA, ./data and the system's folders
    image_size: int | tuple[int, int] | None = None  # side, or (height, width), in pixels; None: the data set's own
    augment: str = "auto"  # a key of AUGMENTATIONS; "auto" is the data set's own
    max_images: int | None = None  # of the training images, validation included, drawn by the seed; None: all
    val_share: float = 0.1  # stratified share of the training images that selects the weights; 0 for none
    batch_size: int = 128  # images per step, over all processes together
    num_workers: int = 0  # processes that prepare batches; worth it for folders of image files

    def __post_init__(self) -> None:
        size = self.image_size if isinstance(self.image_size, tuple) else (self.image_size,)
        for side in size:
            _whole("image_size", 1 if side is None else side, 1)
        if len(size) > 2:
            raise ConfigError(f"image_size is {self.image_size!r}; give one side or (height, width)")
        _whole("max_images", 1 if self.max_images is None else self.max_images, 1)
        _number("val_share", self.val_share, 0, 0.9)
        _whole("batch_size", self.batch_size, 1)
        _whole("num_workers", self.num_workers, 0)


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network without exits."""

    name: str = "resnet20"  # a key of BACKBONES, or timm:NAME, or torchvision:NAME
    pretrained: bool = False  # start from the library's weights, downloaded or from its cache
    options: dict[str, Option] = field(default_factory=dict)  # what the builder takes, such as stem or depth


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """The shape of every internal classifier."""

    type: str = "standard"  # one of HEAD_TYPES; standard pools a map and takes the class token of a sequence
    hidden: tuple[int, ...] = ()  # widths of hidden layers with GELU between; () is one linear layer
    pool: int | None = None  # side of the pooled map; None: 4, and 1 for channels-last maps
    width: int | None = None  # of the convolutions of conv_same and msd; 0: the map's channels; None: their own rule

    def __post_init__(self) -> None:
        _choice("type of head", self.type, HEAD_TYPES)
        for width in self.hidden:
            _whole("hidden", width, 1)
        _whole("pool", 1 if self.pool is None else self.pool, 1)
        _whole("width", 1 if self.width is None else self.width, 0)


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """How the exits answer, and how their answers are combined."""

    name: str = "sdn"  # a key of METHODS
    heads: HeadConfig = field(default_factory=HeadConfig)
    score: str = "method"  # what exits are judged by: max_softmax, margin, entropy, or what the method chooses
    options: dict[str, Option] = field(default_factory=dict)  # what this method alone takes

    def __post_init__(self) -> None:
        _choice("score", self.score, SCORES)


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """How one phase is optimised."""

    epochs: int = 10  # at most; early stopping may end the phase sooner
    optimizer: str = "sgd"  # sgd or adamw
    lr: float = 0.1  # peak learning rate
    momentum: float = 0.9  # of sgd
    weight_decay: float = 5e-4  # on every parameter of the phase
    scheduler: str = "cosine"  # none; cosine to zero over the phase, batch by batch; or steps: a tenth at milestones
    milestones: tuple[float, ...] = (0.5, 0.75)  # of steps, as shares of the phase
    warmup: float = 0.0  # share of the phase's steps over which the learning rate rises linearly
    patience: int | None = None  # epochs without a better validation accuracy before the phase ends; None: never
    clip: float | None = None  # largest global norm of the gradient; None: no clipping
    label_smoothing: float = 0.0  # share of the target spread over all classes

    def __post_init__(self) -> None:
        _whole("epochs", self.epochs, 1)
        _choice("optimizer", self.optimizer, OPTIMIZERS)
        _choice("scheduler", self.scheduler, SCHEDULERS)
        _number("lr", self.lr, 0, 1e4, open_low=True)
        _number("momentum", self.momentum, 0, 1, open_high=True)
        _number("weight_decay", self.weight_decay, 0, 1e3)
        _number("warmup", self.warmup, 0, 1, open_high=True)
        _number("label_smoothing", self.label_smoothing, 0, 1, open_high=True)
        for share in self.milestones:
            _number("milestones", share, 0, 1)
        _whole("patience", 1 if self.patience is None else self.patience, 1)
        _number("clip", 1 if self.clip is None else self.clip, 0, 1e9, open_low=True)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A whole run. The same config gives the same weights on the same machine."""

    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    exits: tuple[ExitPosition, ...] = (0.2, 0.4, 0.6)  # slot numbers, module names, or shares of the FLOPs in (0, 1)
    method: MethodConfig = field(default_factory=MethodConfig)
    loss_weights: str | tuple[float, ...] = (
        "method"  # a name of LOSS_WEIGHTS ("mean" divides by H), or a factor per exit
    )
    gradient_rescaling: bool = False  # in phase 2 each block learns from the mean of the losses above; goes with "sum"
    regime: str = "mixed"  # disjoint, joint, mixed or a phase string such as +++
    phase1: PhaseConfig = field(default_factory=PhaseConfig)  # backbone alone
    phase2: PhaseConfig = field(default_factory=PhaseConfig)  # backbone and heads together
    phase3: PhaseConfig = field(default_factory=PhaseConfig)  # heads alone
    seed: int = 0  # of initialisation, split, order and augmentation
    precision: str = "32-true"  # 32-true, bf16-mixed or 16-mixed
    device: str = "auto"  # auto, cpu, cuda or mps
    devices: int = 1  # processes, each with its own device
    threads: int | None = None  # of torch on the CPU; they decide the last bits of a sum. None: torch's own number
    channels_last: bool = False  # memory layout of images and maps; faster for convolutions, most of all in bf16
    recipe: str | None = None  # name of the recipe that this config came from, for the record

    def __post_init__(self) -> None:
        phase_string(self.regime)
        _choice("precision", self.precision, PRECISIONS)
        _choice("device", self.device, DEVICES)
        _whole("seed", self.seed, 0)
        _whole("devices", self.devices, 1)
        _whole("threads", 1 if self.threads is None else self.threads, 1)
        self._check_exits()
        self._check_loss_weights()
        if self.data.batch_size % self.devices:
            raise ConfigError(f"batch_size {self.data.batch_size} does not divide among {self.devices} devices")
        if self.data.val_share == 0 and any(self.phase(number).patience for number in self.phases):
            raise ConfigError("patience needs validation images: raise val_share above 0, or set patience to None")

    @property
    def phases(self) -> tuple[int, ...]:
        """The numbers of the phases that run, in order."""
        return phases(self.regime)

    def phase(self, number: int) -> PhaseConfig:
        """Return the settings of phase 1, 2 or 3."""
        return (self.phase1, self.phase2, self.phase3)[number - 1]

    def _check_exits(self) -> None:
        if not isinstance(self.exits, tuple):
            what = "slot numbers, module names or FLOPs shares"
            raise ConfigError(f"exits is {self.exits!r}; give a tuple (in a file and after --set a list) of {what}")
        for position in self.exits:
            _check_position(position)
        if len(set(self.exits)) < len(self.exits):
            raise ConfigError(f"exits {self.exits!r} name a position twice; name each once")
        if self.phases != (1,) and not self.exits:
            raise ConfigError(f"regime {self.regime!r} trains heads and exits is empty; name positions or use +--")
        if self.phases == (1,) and self.exits:
            raise ConfigError(f"regime {self.regime!r} trains no heads; set exits to () or run phase 2 or 3 as well")

    def _check_loss_weights(self) -> None:
        weights = self.loss_weights
        if isinstance(weights, str):
            _choice("loss_weights", weights, LOSS_WEIGHTS)
            return
        for weight in weights:
            _number("loss_weights", weight, 0, 1e6)
        if len(weights) != len(self.exits) + 1 or not any(weights):
            raise ConfigError(
                f"loss_weights {weights!r} do not fit: give {len(self.exits) + 1} numbers, one per exit and one for "
                "the network's own classifier, not all zero"
            )


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return `config` as plain lists, dicts, strings and numbers."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))  # tuples become lists as well
    return plain


def config_from_dict(values: dict[str, Any]) -> TrainConfig:
    """Return the config that `config_to_dict` (or a person's JSON) describes; absent fields keep their defaults.

    Raises:
        ConfigError: an unknown field, a wrong type, or a value out of range.
    """
    return fitted(TrainConfig, values)


def _check_position(position: object) -> None:
    if isinstance(position, float):
        if not 0 < position < 1:
            raise ConfigError(f"exit position {position!r} is no share of the FLOPs: give a number between 0 and 1")
        return
    if not is_whole(position, 0) and not isinstance(position, str):
        raise ConfigError(f"exit position {position!r}: give a slot number from 0, a module name or a share of FLOPs")


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(unknown(name, value, allowed))


def _number(
    name: str, value: object, low: float, high: float, *, open_low: bool = False, open_high: bool = False
) -> None:
    if not is_number(value, low, high) or (open_low and value == low) or (open_high and value == high):
        interval = f"{'above' if open_low else 'from'} {low:g} {'to below' if open_high else 'to'} {high:g}"
        raise ConfigError(f"{name} is {value!r}; allowed are numbers {interval}")


def _whole(name: str, value: object, low: int) -> None:
    if not is_whole(value, low):
        raise ConfigError(f"{name} is {value!r}; allowed are whole numbers from {low}")
