"""The manifest: what a bundle says about itself, as JSON beside the graphs.

One integer, ``format_version``, is raised when an older reader would go wrong. A reader refuses a newer
version and any field it does not know, and goes on reading every older one. Shapes leave out axis 0, which is always
the batch.

Version 2 added ``precision``, ``device`` and ``shift``, and with them the dtypes bfloat16 and float8_e4m3fn.
"""

from typing import Any

import msgspec

FORMAT_VERSION = 2
MANIFEST_NAME = "manifest.json"
MODEL_NAME = "model.onnx"
WEIGHTS_NAME = "weights.bin"

ORIGIN = "precision_of"  # in the provenance of a reduced bundle: the SHA-256 of the manifest that it was made from

PRECISIONS = ("fp32", "fp16", "bf16", "int8", "fp8")  # of the network's body; heads and scores are always float32
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")  # how images may be resized
EXTRA_BYTES = {"bfloat16": 2, "float8_e4m3fn": 1}  # dtypes of tensors that NumPy has no name for, and their size


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of the manifest has in common."""


class Preprocess(_Record, frozen=True, kw_only=True):
    """How an 8-bit image becomes the input tensor: resize, crop, scale to [0, 1], subtract mean, divide by std."""

    resize: int | None = None  # shorter side in pixels before the crop; None scales straight to the input size
    interpolation: str = "bilinear"  # nearest, bilinear or bicubic
    mean: tuple[float, ...]  # one per channel, on the [0, 1] scale
    std: tuple[float, ...]


class TensorSpec(_Record, frozen=True, kw_only=True):
    """A named tensor with the batch on axis 0."""

    name: str
    dtype: str  # NumPy's name: float32, int64, ..., or one of EXTRA_BYTES
    shape: tuple[int, ...]  # without the batch axis


class Input(_Record, frozen=True, kw_only=True):
    """What the first segment reads."""

    tensor: TensorSpec  # shape is (channels, height, width) for images
    preprocess: Preprocess | None = None  # None: the caller prepares the tensor


class Segment(_Record, frozen=True, kw_only=True):
    """One exit's engine: everything that must be computed after exit k-1 to decide exit k.

    Its graph also has the outputs ``score`` [B] float32, ``prediction`` [B] int64 and ``logits`` [B, K] float32.
    """

    file: str
    inputs: tuple[TensorSpec, ...]  # the model input or tensors carried from earlier segments
    carried: tuple[TensorSpec, ...]  # outputs that later segments read
    module: str  # where in the network this exit sits, for people
    flops: int  # of this segment alone, one sample
    cumulative_flops: int  # of leaving here: every segment up to and including this one


class Flops(_Record, frozen=True, kw_only=True):
    """How the analytic costs were counted. One multiply-add counts as one."""

    convention: str
    static: int  # the network without its early exits, one sample
    uncounted: dict[str, int]  # operator -> how often it occurs without a rule to count it


class ExitParity(_Record, frozen=True, kw_only=True):
    """One exit of the segment chain against the same exit in torch."""

    max_abs_error: float  # over logits
    predictions_equal: bool
    decisions_equal: float  # share of rows whose `score > tau` agrees, over the taus of the report


class Parity(_Record, frozen=True, kw_only=True):
    """What the export measured before it let the bundle out."""

    tolerance: float  # largest absolute error allowed in float32 logits
    batch_sizes: tuple[int, ...]
    inputs: tuple[str, ...]  # "random", and "real" where images were at hand
    taus: tuple[float, ...]
    exits: tuple[ExitParity, ...]


class ExitShift(_Record, frozen=True, kw_only=True):
    """One exit's answers in reduced precision against the same exit in float32, on the same images."""

    accuracy_before: float | None  # in float32; None where no labels are known
    accuracy_after: float | None
    predictions_equal: float  # share of images
    max_score_shift: float
    mean_score_shift: float  # of the absolute differences


class TauShift(_Record, frozen=True, kw_only=True):
    """What the cascade does at one choice of thresholds, before and after."""

    taus: tuple[float, ...]  # one per exit
    moved: float  # share of images that leave at another exit
    mean_exit_before: float  # exits count from 0
    mean_exit_after: float
    flops_before: float  # mean per image
    flops_after: float
    accuracy_before: float | None
    accuracy_after: float | None


class Shift(_Record, frozen=True, kw_only=True):
    """How a bundle in reduced precision answers real images, against the float32 bundle that it was made from."""

    data: str  # which images
    images: int  # none of them was calibrated on
    calibration_images: int  # that the ranges of eight-bit numbers come from; 0 where nothing is calibrated
    computed: str  # how the answers in reduced precision were computed
    exits: tuple[ExitShift, ...]
    taus: tuple[TauShift, ...]  # the bundle's own thresholds first


class FileHash(_Record, frozen=True, kw_only=True):
    """What a file of the bundle must be."""

    sha256: str
    bytes: int


class Manifest(_Record, frozen=True, kw_only=True):
    """The whole of manifest.json."""

    format_version: int = FORMAT_VERSION
    name: str
    input: Input
    classes: tuple[str, ...]
    score: str  # what the exits are judged by: max_softmax, entropy, margin, or own
    taus: tuple[float, ...]  # one default threshold per exit; the last exit always answers
    segments: tuple[Segment, ...]
    flops: Flops
    parity: Parity  # of the float32 bundle, whatever the precision
    precision: str = "fp32"  # one of PRECISIONS
    device: str | None = None  # where the graphs are made to run, cpu or cuda; None: anywhere
    shift: Shift | None = None  # in reduced precision only
    provenance: dict[str, Any]  # regime, recipe, data set, seeds, metrics, library versions, checkpoint hash
    files: dict[str, FileHash]  # path inside the bundle -> hash, for every file but the manifest
