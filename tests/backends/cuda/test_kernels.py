"""The device's code: compiled as CUDA, and its logic run on the host by the C++ compiler."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eeinfer.backends.cuda import kernels
from eeinfer.backends.cuda.api import CudaError
from eeinfer.errors import DependencyError

# The kernels as plain C++: one call per thread, and the conditions in an array.
HOST = """
#include <cstdint>
#define __global__
#define __device__
struct int4 { int x, y, z, w; };
struct Index { int x; };
static Index blockIdx, threadIdx, blockDim;
static unsigned int conditions[8];
#define cudaGraphSetConditional(handle, value) (conditions[handle] = (value))
%s
extern "C" unsigned int condition(int handle) { return conditions[handle]; }
extern "C" void run_move_rows(int threads, char *target, const char *source, const int *moves, int count,
                              long long row_bytes, int piece_bytes) {
    blockDim.x = threads < 256 ? threads : 256;
    for (blockIdx.x = 0; blockIdx.x * blockDim.x < threads; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++)
            move_rows(target, source, moves, count, row_bytes, piece_bytes);
}
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "host.cpp").write_text(HOST % kernels.SOURCE)
    command = [compiler, "-O1", "-shared", "-fPIC", "host.cpp", "-o", "host.so"]
    subprocess.run(command, cwd=folder, check=True, timeout=60, capture_output=True)
    return ctypes.CDLL(str(folder / "host.so"))


@pytest.mark.parametrize(
    ("score", "tau", "leaves"),
    [
        (0.6, 0.5, True),
        (0.5, 0.5, False),
        (np.nan, 0.5, False),
        (np.nan, 0.0, False),
        (0.0, 0.0, False),
        (1.0, 1.0, False),
        (np.nextafter(np.float32(0.9), np.float32(1)), 0.9, True),
        (np.float32(0.9), 0.9, False),
        (np.inf, 0.5, True),
    ],
)
def test_the_decision_is_strict_and_nan_goes_on(host: ctypes.CDLL, score: float, tau: float, leaves: bool) -> None:
    scores, taus, exit = np.full(3, -7, np.float32), np.float32([-1, tau, -1]), np.int32([-7])
    value = np.float32([score])
    address = [array.ctypes.data_as(ctypes.c_void_p) for array in (value, taus, exit, scores)]
    host.decide(*address[:2], ctypes.c_int(1), *address[2:], ctypes.c_ulonglong(5))
    assert exit[0] == (1 if leaves else 2)
    assert host.condition(5) == (0 if leaves else 1)
    np.testing.assert_array_equal(scores, np.float32([-7, score, -7]))


@pytest.mark.parametrize("row_bytes", [1, 2, 3, 4, 12, 16, 48, 1000, 4096])
def test_rows_of_any_size_are_moved_and_no_others(host: ctypes.CDLL, row_bytes: int) -> None:
    rng = np.random.default_rng(row_bytes)
    source, target = rng.integers(0, 256, (2, 9, row_bytes), np.uint8)
    moves = np.int32([[0, 8], [3, 3], [4, 7], [8, 7]])
    expected = target.copy()
    expected[moves[:, 0]] = source[moves[:, 1]]
    launched = Launched()
    places = {"target": target.ctypes.data, "source": source.ctypes.data, "moves": moves.ctypes.data}
    kernels.move_rows(launched, 0, count=len(moves), row_bytes=row_bytes, **places)
    host.run_move_rows(ctypes.c_int(launched.threads), *launched.arguments)
    np.testing.assert_array_equal(target, expected)


class Launched:
    """Keeps what a launch would have been given."""

    def run_kernel(self, name: str, threads: int, arguments: tuple[object, ...], stream: object) -> None:
        self.threads, self.arguments = threads, arguments


@pytest.mark.parametrize("capability", [(7, 5), (8, 6), (9, 0), (12, 0)])
def test_nvrtc_compiles_them_for_every_target(capability: tuple[int, int]) -> None:
    pytest.importorskip("cuda.bindings", reason="cuda-bindings is not installed")
    assert kernels.compiled(capability).startswith(b"\x7fELF")


def test_a_device_that_nvrtc_does_not_know_is_named() -> None:
    pytest.importorskip("cuda.bindings", reason="cuda-bindings is not installed")
    with pytest.raises(
        CudaError, match=r"cannot compile for sm_20: nvrtcCompileProgram failed: NVRTC_ERROR_INVALID.*arch"
    ):
        kernels.compiled((2, 0))


def test_a_missing_nvrtc_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", None)
    monkeypatch.delattr("cuda.bindings.nvrtc", raising=False)
    with pytest.raises(DependencyError, match=r"need NVRTC: pip install nvidia-cuda-nvrtc$"):
        kernels.compiled((8, 6))


def test_nvcc_compiles_them_with_its_own_declarations(tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    if nvcc is None:
        pytest.skip("no nvcc")
    for declaration in ("", kernels.DECLARATION):  # ours says what CUDA's header says, or this would not compile
        (tmp_path / "kernels.cu").write_text(declaration + kernels.SOURCE)
        command = [nvcc, "-arch=sm_90", "-cubin", "-Werror", "all-warnings", "kernels.cu", "-o", "kernels.cubin"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
