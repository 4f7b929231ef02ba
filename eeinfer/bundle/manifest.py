"""The manifest: what a bundle says about itself, as JSON beside the graphs.

docs/bundle.md says it field by field. One integer, ``format_version``, is raised when an older reader would go wrong.
A reader refuses a newer version and any field it does not know, and goes on reading every older one, which
eeinfer.bundle.earlier describes. Shapes leave out axis 0, which is always the batch.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from eeinfer.bundle.certificate import Certificate
from eeinfer.errors import BundleError

FORMAT_VERSION = 3
MANIFEST_NAME = "manifest.json"
MODEL_NAME = "model.onnx"
WEIGHTS_NAME = "weights.bin"

ORIGIN = "precision_of"  # in the provenance of a reduced bundle: the SHA-256 of the manifest that it was made from

PRECISIONS = ("fp32", "fp16", "bf16", "int8", "fp8")  # of the network's body; heads and scores are always float32
DEVICES = ("cpu", "cuda")  # where the graphs of a bundle may be made to run
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")  # how images may be resized
DTYPE_BYTES = {
    **{"bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8},
    **{"float16": 2, "float32": 4, "float64": 8},
    **{"bfloat16": 2, "float8_e4m3fn": 1},  # NumPy has no name for these
}


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of the manifest has in common."""


class Preprocess(_Record, frozen=True, kw_only=True):
    """How an 8-bit image becomes the input tensor: resize, crop, scale to [0, 1], subtract mean, divide by std."""

    resize: int | None = None  # shorter side in pixels before the crop; None scales straight to the input size
    interpolation: str = "bilinear"  # nearest, bilinear or bicubic
    mean: tuple[float, ...]  # one per channel, on the [0, 1] scale
    std: tuple[float, ...]


class Axis(_Record, frozen=True, kw_only=True):
    """The sizes that a named dynamic axis may have, both included."""

    min: int
    max: int


class TensorSpec(_Record, frozen=True, kw_only=True, omit_defaults=True):
    """A named tensor with the batch on axis 0."""

    name: str
    dtype: str  # one of DTYPE_BYTES
    shape: tuple[int | str, ...]  # without the batch axis; a name is that of a dynamic axis
    shares: str | None = None  # the tensor of the same segment in whose memory this one lies, and which overwrites it

    def sizes(self, lengths: Mapping[str, int] | None = None) -> tuple[int, ...]:
        """Return the shape without names, the dynamic axes being as long as ``lengths`` says.

        Raises:
            BundleError: ``lengths`` does not say how long one of them is.
        """
        found = lengths or {}
        unknown = next((size for size in self.shape if isinstance(size, str) and size not in found), None)
        if unknown is not None:
            raise BundleError(f"{self.name!r} has the dynamic axis {unknown!r}; give an input that says how long it is")
        return tuple(found[size] if isinstance(size, str) else size for size in self.shape)


class Input(_Record, frozen=True, kw_only=True):
    """A tensor that the caller gives."""

    tensor: TensorSpec  # shape is (channels, height, width) for images
    preprocess: Preprocess | None = None  # None: the caller prepares the tensor


class Segment(_Record, frozen=True, kw_only=True):
    """One exit's engine: everything that must be computed after exit k-1 to decide exit k.

    Its graph also has the outputs ``score`` [B] float32, ``prediction`` [B] int64 and ``logits`` [B, K] float32.
    """

    file: str
    inputs: tuple[TensorSpec, ...]  # inputs of the bundle or tensors carried from earlier segments
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
    checksum: str = ""  # of the file (eeinfer.bundle.manifest_file); empty in memory
    name: str
    inputs: tuple[Input, ...]
    axes: dict[str, Axis] = {}  # the dynamic axes that shapes name, beside the batch
    classes: tuple[str, ...]
    score: str  # what the exits are judged by: max_softmax, entropy, margin, or own
    taus: tuple[float, ...]  # one default threshold per exit; the last exit always answers
    segments: tuple[Segment, ...]
    flops: Flops
    parity: Parity  # of the float32 bundle, whatever the precision
    precision: str = "fp32"  # one of PRECISIONS
    device: str | None = None  # where the graphs are made to run, cpu or cuda; None: anywhere
    shift: Shift | None = None  # in reduced precision only
    certificate: Certificate | None = None  # of the taus; left out where there is none
    provenance: dict[str, Any]  # regime, recipe, data set, seeds, metrics, library versions, checkpoint hash
    files: dict[str, FileHash]  # path inside the bundle -> hash, for every file but the manifest

    @property
    def input(self) -> Input:
        """The only input.

        Raises:
            BundleError: there are several.
        """
        if len(self.inputs) != 1:
            names = ", ".join(repr(input.tensor.name) for input in self.inputs)
            raise BundleError(
                f"the bundle {self.name!r} has the inputs {names}; give a mapping with one array for each"
            )
        return self.inputs[0]
