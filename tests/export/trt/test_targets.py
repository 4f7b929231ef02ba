"""Which library builds, for what, and what is said where none can."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import fake_trt_builder
import pytest

from eeinfer.errors import DependencyError, ExportError
from eeinfer.export.trt import TrtConfig, targets
from eeinfer.export.trt.gpu import Gpu, current_gpu
from eeinfer.export.trt.targets import choose

RTX_TARGETS = ("SM75", "SM86", "SM120")
Patch = pytest.MonkeyPatch


@pytest.fixture
def installed(monkeypatch: Patch) -> ModuleType:
    """TensorRT-RTX by name alone, TensorRT not at all: choosing builds nothing."""
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    finder = importlib.util.find_spec
    hidden = {"tensorrt", "tensorrt_rtx"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: finder(name) if name in sys.modules or name not in hidden else None
    )
    return module(monkeypatch, "tensorrt_rtx")


def module(monkeypatch: Patch, name: str) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    made.__version__ = "1.2.3"  # type: ignore[attr-defined]
    if name == "tensorrt_rtx":
        members = dict.fromkeys(("NONE", "CURRENT", *RTX_TARGETS))
        made.ComputeCapability = type("ComputeCapability", (), {"__members__": members})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, made)
    return made


def gpu(monkeypatch: Patch, capability: tuple[int, int] | None) -> None:
    def found() -> Gpu:
        if capability is None:
            raise ExportError("no NVIDIA driver was found")
        return Gpu(name="A GPU", capability=capability)

    monkeypatch.setattr(targets, "current_gpu", found)


@pytest.mark.usefixtures("installed")
def test_rtx_builds_for_named_targets_without_a_gpu(monkeypatch: Patch) -> None:
    gpu(monkeypatch, None)
    library = choose(TrtConfig(targets=("sm86", "sm120", "sm86")))
    assert (library.name, library.version, library.targets) == ("tensorrt_rtx", "1.2.3", ("sm86", "sm120"))
    assert library.gpu is None


@pytest.mark.usefixtures("installed")
def test_current_is_the_gpu_of_this_machine(monkeypatch: Patch) -> None:
    gpu(monkeypatch, (12, 0))
    assert choose(TrtConfig(targets=("current", "sm86", "sm120"))).targets == ("sm120", "sm86")


@pytest.mark.usefixtures("installed")
def test_of_both_tensorrt_takes_the_current_gpu_and_rtx_all_others(monkeypatch: Patch) -> None:
    module(monkeypatch, "tensorrt")
    gpu(monkeypatch, (8, 6))
    assert choose(TrtConfig()).name == "tensorrt"
    assert choose(TrtConfig(targets=("sm86",))).gpu == "A GPU"
    assert choose(TrtConfig(targets=("sm86", "sm120"))).name == "tensorrt_rtx"
    assert choose(TrtConfig(library="tensorrt_rtx")).targets == ("sm86",)
    gpu(monkeypatch, None)
    assert choose(TrtConfig(targets=("sm86",))).name == "tensorrt_rtx"
    with pytest.raises(ExportError, match="choose --target among sm75"):
        choose(TrtConfig())


@pytest.mark.parametrize(
    ("capability", "library", "target", "sentence"),
    [
        (None, None, "current", "no current GPU to build for: no NVIDIA driver was found; choose --target among sm75,"),
        ((9, 0), None, "current", r"tensorrt_rtx does not build for sm90; .* pip install 'eeinfer\[tensorrt\]'"),
        (None, "tensorrt_rtx", "sm99", "does not build for sm99; choose --target among sm75, sm86, sm120"),
        (None, "tensorrt", "current", r"no NVIDIA driver was found; .* pip install 'eeinfer\[tensorrt-rtx\]'"),
        (None, "tensorrt", "sm86", "not for sm86: no NVIDIA driver was found; build on a machine with the GPU"),
        ((9, 0), "tensorrt", "sm86", "not for sm86: this one is sm90; take --target current"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_a_library_does_not_build_for_is_refused(
    monkeypatch: Patch, capability: tuple[int, int] | None, library: str | None, target: str, sentence: str
) -> None:
    module(monkeypatch, "tensorrt")
    if library is None:
        monkeypatch.delitem(sys.modules, "tensorrt")
    gpu(monkeypatch, capability)
    with pytest.raises(ExportError, match=sentence):
        choose(TrtConfig(library=library, targets=(target,)))


def test_a_missing_library_is_named_with_its_extra(monkeypatch: Patch, installed: ModuleType) -> None:
    gpu(monkeypatch, (8, 6))
    with pytest.raises(DependencyError, match=r"tensorrt is not installed: pip install 'eeinfer\[tensorrt\]'"):
        choose(TrtConfig(library="tensorrt"))
    monkeypatch.delitem(sys.modules, installed.__name__)
    with pytest.raises(DependencyError, match=r"neither .* 'eeinfer\[tensorrt-rtx\]'.* 'eeinfer\[tensorrt\]'"):
        choose(TrtConfig())


@pytest.mark.usefixtures("installed")
def test_a_library_that_does_not_load_says_why(monkeypatch: Patch) -> None:
    def broken(name: str) -> ModuleType:
        raise ImportError("libnvinfer.so.11: cannot open shared object file")

    gpu(monkeypatch, None)
    monkeypatch.setattr(targets.importlib, "import_module", broken)
    with pytest.raises(ExportError, match=r"does not load, libnvinfer.so.11.* --force-reinstall tensorrt-rtx-cu13"):
        choose(TrtConfig(targets=("sm86",)))


class FakeDriver:
    """The calls of cuda-bindings, with one GPU."""

    class CUdevice_attribute:  # its name
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 0
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 1

    def __init__(self, status: object = 0) -> None:
        self.status = status

    def cuInit(self, _flags: int) -> tuple[object]:
        return (self.status,)

    def cuDeviceGet(self, ordinal: int) -> tuple[object, int]:
        return 0, ordinal

    def cuDeviceGetName(self, size: int, _device: int) -> tuple[object, bytes]:
        return 0, b"NVIDIA Thing".ljust(size, b"\0")

    def cuDeviceGetAttribute(self, which: int, _device: int) -> tuple[object, int]:
        return 0, (8, 9)[which]


def driver(monkeypatch: Patch, made: object) -> None:
    bindings = ModuleType("cuda.bindings")
    bindings.driver = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)


def test_the_gpu_is_the_first_that_cuda_shows(monkeypatch: Patch) -> None:
    driver(monkeypatch, FakeDriver())
    assert current_gpu() == Gpu(name="NVIDIA Thing", capability=(8, 9))


def test_why_there_is_no_gpu_is_said(monkeypatch: Patch) -> None:
    class NoDevice:
        name = "CUDA_ERROR_NO_DEVICE"

    driver(monkeypatch, FakeDriver(status=NoDevice()))
    with pytest.raises(ExportError, match="the NVIDIA driver answers CUDA_ERROR_NO_DEVICE"):
        current_gpu()
    monkeypatch.setattr(FakeDriver, "cuInit", lambda *_: (_ for _ in ()).throw(RuntimeError("no libcuda")))
    with pytest.raises(ExportError, match="no NVIDIA driver was found"):
        current_gpu()
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.delitem(sys.modules, "cuda.bindings")
    with pytest.raises(ExportError, match="pip install cuda-bindings"):
        current_gpu()


def test_the_stand_in_for_tensorrt_is_taken_for_it(monkeypatch: Patch) -> None:
    fake_trt_builder.install(monkeypatch)
    gpu(monkeypatch, (9, 0))
    library = choose(TrtConfig())
    assert (library.name, library.version, library.targets) == ("tensorrt", fake_trt_builder.VERSION, ("sm90",))
