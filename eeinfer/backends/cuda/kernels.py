"""The two kernels that a cascade needs on the device, in CUDA C, compiled by NVRTC for the device at hand.

``cudaGraphSetConditional`` is one of the functions that the driver itself resolves when a module is loaded (CUDA 12.4
and later), so that its declaration is all that is needed.
"""

import ctypes
from typing import Any

from eeinfer.backends.cuda.api import Argument, Condition, Cuda, CudaError, Stream
from eeinfer.backends.cuda.calls import call
from eeinfer.errors import DependencyError

DECIDE, MOVE_ROWS = KERNELS = ("decide", "move_rows")
_PIECES_BYTES = (16, 4, 1)

DECLARATION = 'extern "C" __device__ void cudaGraphSetConditional(unsigned long long handle, unsigned int value);\n'

SOURCE = """
// The one rule: a row leaves at exit k if and only if score > tau[k]. A comparison with NaN is false: it goes on.
// At tau = 1 it always does: a softmax may round to a last bit above 1.
// Whoever stays leaves at a later exit, which will write its number over ours.
extern "C" __global__ void decide(
    const float *score, const float *taus, int k, int *exit, float *scores, unsigned long long goes_on) {
    const bool leaves = *score > taus[k] && taus[k] < 1.0f;
    *exit = leaves ? k : k + 1;
    scores[k] = *score;
    cudaGraphSetConditional(goes_on, leaves ? 0u : 1u);
}

// Row moves[2i] of target becomes row moves[2i + 1] of source, for i < count. No row that is written may be read.
// One thread per piece of 16, 4 or 1 bytes: the rows' size and all addresses are multiples of it.
extern "C" __global__ void move_rows(
    char *target, const char *source, const int *moves, int count, long long row_bytes, int piece_bytes) {
    const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x, pieces = row_bytes / piece_bytes;
    if (i >= count * pieces) return;
    const long long move = i / pieces, place = i % pieces * piece_bytes;
    char *to = target + moves[2 * move] * row_bytes + place;
    const char *from = source + moves[2 * move + 1] * row_bytes + place;
    if (piece_bytes == 16) *(int4 *)to = *(const int4 *)from;
    else if (piece_bytes == 4) *(int *)to = *(const int *)from;
    else *to = *from;
}
"""


def decide(
    cuda: Cuda, stream: Stream, *, score: int, taus: int, k: int, exit: int, scores: int, goes_on: Condition
) -> None:
    """Compare a score with entry ``k`` of ``taus``; write the exit and the score, set the condition.

    Args:
        cuda: the device.
        stream: where; a capturing one, since conditions exist in graphs only.
        score: address of one float32.
        taus: address of one float32 per exit.
        k: the exit to decide.
        exit: address of one int32: ``k``, or ``k + 1`` where the row stays.
        scores: address of one float32 per exit, of which entry ``k`` is written.
        goes_on: the condition that becomes 0 where the row leaves and 1 where it stays.
    """
    values, results = (_pointer(score), _pointer(taus)), (_pointer(exit), _pointer(scores))
    arguments = *values, ctypes.c_int(k), *results, ctypes.c_ulonglong(int(goes_on))
    cuda.run_kernel(DECIDE, 1, arguments, stream)


def move_rows(cuda: Cuda, stream: Stream, *, target: int, source: int, moves: int, count: int, row_bytes: int) -> None:
    """Copy rows of any type from place to place.

    Args:
        cuda: the device.
        stream: where.
        target: address of the tensor whose rows are written, aligned as ``malloc`` aligns.
        source: address of the tensor whose rows are read; no row may be both.
        moves: address of int32 [count, 2]: the row of the target, the row of the source.
        count: how many rows.
        row_bytes: size of one row.
    """
    piece = next(size for size in _PIECES_BYTES if row_bytes % size == 0)
    addresses = _pointer(target), _pointer(source), _pointer(moves)
    arguments = *addresses, ctypes.c_int(count), ctypes.c_longlong(row_bytes), ctypes.c_int(piece)
    cuda.run_kernel(MOVE_ROWS, count * row_bytes // piece, arguments, stream)


def _pointer(address: int) -> Argument:
    return ctypes.c_void_p(address)


def compiled(capability: tuple[int, int]) -> bytes:
    """Return the machine code of all kernels for devices of this compute capability. Needs no device.

    Raises:
        DependencyError: NVRTC is not installed.
        CudaError: it cannot compile, for devices it does not know for example.
    """
    try:
        from cuda.bindings import nvrtc

        program = call(nvrtc, "nvrtcCreateProgram", (DECLARATION + SOURCE).encode(), b"eeinfer.cu", 0, [], [])
    except (ImportError, RuntimeError) as error:  # the binding raises where it finds no library
        raise DependencyError("decisions on the GPU need NVRTC: pip install nvidia-cuda-nvrtc") from error
    architecture = "sm_{}{}".format(*capability)
    try:
        call(nvrtc, "nvrtcCompileProgram", program, 1, [f"--gpu-architecture={architecture}".encode()])
        code = bytearray(call(nvrtc, "nvrtcGetCUBINSize", program))
        call(nvrtc, "nvrtcGetCUBIN", program, code)
        return bytes(code)
    except CudaError as error:
        log = _log(nvrtc, program)
        raise CudaError(f"NVRTC cannot compile for {architecture}: {error} {log}".strip()) from error
    finally:
        call(nvrtc, "nvrtcDestroyProgram", program)


def _log(nvrtc: Any, program: Any) -> str:
    text = bytearray(call(nvrtc, "nvrtcGetProgramLogSize", program))
    call(nvrtc, "nvrtcGetProgramLog", program, text)
    return text.rstrip(b"\0").decode(errors="replace").strip().partition("\n")[0]
