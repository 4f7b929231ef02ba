"""Which library builds, for what, and what is said where none can."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import fake_trt_builder
import pytest

from eeinfer.errors import DependencyError, ExportError
from eeinfer.export.trt import TrtConfig, targets
from eeinfer.export.trt.targets import choose
from eeinfer.machine.gpus import Driver, Gpu

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


def gpu(monkeypatch: Patch, *capabilities: tuple[int, int]) -> None:
    """The GPUs of this machine, in the order in which CUDA shows them."""
    found = tuple(Gpu(name=f"GPU {number}", capability=capability) for number, capability in enumerate(capabilities))
    monkeypatch.setattr(targets, "driver", lambda: Driver(gpus=found, problem=None if found else "no NVIDIA driver"))


@pytest.mark.usefixtures("installed")
def test_rtx_builds_for_named_targets_without_a_gpu(monkeypatch: Patch) -> None:
    gpu(monkeypatch)
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
    assert choose(TrtConfig(targets=("sm86",))).gpu == "GPU 0"
    assert choose(TrtConfig(targets=("sm86", "sm120"))).name == "tensorrt_rtx"
    assert choose(TrtConfig(library="tensorrt_rtx")).targets == ("sm86",)
    gpu(monkeypatch)
    assert choose(TrtConfig(targets=("sm86",))).name == "tensorrt_rtx"
    with pytest.raises(ExportError, match="choose --target among sm75"):
        choose(TrtConfig())


@pytest.mark.parametrize(
    ("capability", "library", "target", "sentence"),
    [
        (None, None, "current", "no current GPU to build for: no NVIDIA driver; choose --target among sm75,"),
        ((9, 0), None, "current", r"tensorrt_rtx does not build for sm90; .* pip install 'eeinfer\[tensorrt\]'"),
        (None, "tensorrt_rtx", "sm99", "does not build for sm99; choose --target among sm75, sm86, sm120"),
        (None, "tensorrt", "current", r"no NVIDIA driver; .* pip install 'eeinfer\[tensorrt-rtx\]'"),
        (None, "tensorrt", "sm86", "not for sm86: no NVIDIA driver; build on a machine with the GPU"),
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
    gpu(monkeypatch, *([capability] if capability else []))
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

    gpu(monkeypatch)
    monkeypatch.setattr(targets.importlib, "import_module", broken)
    with pytest.raises(ExportError, match=r"does not load, libnvinfer.so.11.* --force-reinstall tensorrt-rtx-cu13"):
        choose(TrtConfig(targets=("sm86",)))


def test_the_stand_in_for_tensorrt_is_taken_for_it(monkeypatch: Patch) -> None:
    fake_trt_builder.install(monkeypatch)
    gpu(monkeypatch, (9, 0))
    library = choose(TrtConfig())
    assert (library.name, library.version, library.targets) == ("tensorrt", fake_trt_builder.VERSION, ("sm90",))
