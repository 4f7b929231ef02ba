import onnxruntime as ort
import pytest

from eeinfer.doctor.trials import runtime_devices
from eeinfer.machine.gpus import Driver, Gpu
from eeinfer.machine.installed import Facts, Runtime, collect


def test_a_provider_that_works_has_no_problem() -> None:
    found = {device.name: device.problem for device in runtime_devices(collect())}
    assert found["CPUExecutionProvider"] is None


def test_what_is_known_not_to_work_is_not_tried() -> None:
    facts = Facts(
        driver=Driver(problem="no NVIDIA driver is found"),
        runtime=Runtime(version="1.31.1", cuda=13, providers=("CUDAExecutionProvider",)),
        versions={"onnxruntime-ep-nv-tensorrt-rtx-cu13": "0.5.0"},
    )
    cuda, plugin = runtime_devices(facts)
    assert (cuda.name, plugin.name) == ("CUDAExecutionProvider", "NvTensorRTRTXExecutionProvider")
    for device in (cuda, plugin):
        assert device.problem is not None
        assert device.problem.startswith("no NVIDIA driver is found: install")


def test_a_provider_that_onnxruntime_leaves_out_says_why() -> None:
    name = "CUDAExecutionProvider"
    if name in ort.get_available_providers():
        pytest.skip(f"this build of onnxruntime has {name}")
    facts = Facts(
        driver=Driver(cuda=(13, 0), gpus=(Gpu(name="RTX 4090", capability=(8, 9)),)),
        versions={"cuda-bindings": "13.5.0"},
        runtime=Runtime(version="1.31.1", cuda=13, providers=(name,)),
    )
    with pytest.warns(UserWarning, match=name):
        [device] = runtime_devices(facts)
    assert device.problem is not None
    assert device.problem.startswith("onnxruntime cannot load it (")
    assert "libonnxruntime_providers_cuda.so" in device.problem


def test_a_provider_that_is_none_has_a_problem() -> None:
    [device] = runtime_devices(Facts(runtime=Runtime(version="1.31.1", providers=("NoSuchProvider",))))
    assert device.problem is not None


def test_a_package_that_does_not_load_is_a_device_with_a_problem() -> None:
    [device] = runtime_devices(Facts(runtime_problem="libfoo.so: cannot open"))
    assert (device.library, device.name, device.problem) == ("onnxruntime", "import", "libfoo.so: cannot open")
