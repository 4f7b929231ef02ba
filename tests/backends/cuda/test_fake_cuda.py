"""The fake that the native backend is tested on: it catches what it is there to catch."""

import ctypes
import threading
from collections.abc import Callable

import numpy as np
import pytest
from fake_cuda import RUBBISH, FakeCuda, Misuse

from eeinfer.backends.cuda.api import CaptureRefused
from eeinfer.backends.cuda.holdings import captured
from eeinfer.backends.cuda.kernels import decide, move_rows


@pytest.fixture
def cuda() -> FakeCuda:
    made = FakeCuda(schedule="lazy")
    made.enter()
    return made


def test_copies_happen_later_and_until_then_the_target_is_rubbish(cuda: FakeCuda) -> None:
    stream, here, there = cuda.stream(), cuda.pinned(4), cuda.malloc(4)
    back = cuda.pinned(4)
    here[:] = 1
    cuda.to_device(there, here, stream)
    cuda.to_host(back, there, stream)
    assert back.tolist() == [RUBBISH] * 4
    here[:] = 2  # what a host must not do: it is seen
    cuda.synchronize(stream)
    assert back.tolist() == [2] * 4


def test_a_wait_for_an_event_leaves_later_work_alone(cuda: FakeCuda) -> None:
    stream, event, memory, there = cuda.stream(), cuda.event(timed=True), cuda.pinned(4), cuda.malloc(4)
    cuda.to_host(memory, there, stream)
    cuda.record(event, stream)
    cuda.to_host(memory, there, stream)
    cuda.wait(event)
    assert cuda.ran == ["copy_out"]
    assert cuda.elapsed_ms(event, event) == 0


def test_a_graph_replays_with_what_memory_holds_when_it_runs(cuda: FakeCuda) -> None:
    stream, memory, there = cuda.stream(), cuda.pinned(4), cuda.malloc(4)
    executable = cuda.instantiate(captured(cuda, stream, lambda: cuda.to_device(there, memory, stream)))
    assert cuda.ran == []
    memory[:] = 7
    cuda.launch(executable, stream)
    cuda.synchronize(stream)
    assert cuda.view(there, 4).tolist() == [7] * 4


@pytest.mark.parametrize(("score", "exit", "branch_runs"), [(0.6, 0, False), (0.5, 1, True), (np.nan, 1, True)])
def test_a_branch_runs_where_its_condition_says_so(cuda: FakeCuda, score: float, exit: int, branch_runs: bool) -> None:
    stream, block, branches = cuda.stream(), cuda.malloc(256 * 6), []
    cuda.view(block, 4).view(np.float32)[0], cuda.view(block + 256, 4).view(np.float32)[0] = score, 0.5

    def root() -> None:
        goes_on = cuda.condition(stream)
        places = {"score": block, "taus": block + 256, "exit": block + 512, "scores": block + 768}
        decide(cuda, stream, k=0, goes_on=goes_on, **places)
        branches.append(cuda.branch(stream, goes_on))

    graph = captured(cuda, stream, root)
    moves = cuda.malloc(8)
    cuda.view(moves, 8)[:] = 0
    cuda.view(block + 1024, 4)[:], cuda.view(block + 1280, 4)[:] = 1, 2

    def body() -> None:
        move_rows(cuda, stream, target=block + 1024, source=block + 1280, moves=moves, count=1, row_bytes=4)

    captured(cuda, stream, body, branch=branches[0])
    cuda.launch(cuda.instantiate(graph), stream)
    cuda.synchronize(stream)
    assert cuda.view(block + 512, 4).view(np.int32)[0] == exit
    np.testing.assert_array_equal(cuda.view(block + 768, 4).view(np.float32)[0], np.float32(score))
    assert cuda.view(block + 1024, 4).tolist() == [2 if branch_runs else 1] * 4


def freed_twice(cuda: FakeCuda) -> None:
    address = cuda.malloc(4)
    cuda.free(address)
    cuda.free(address)


def used_after_free(cuda: FakeCuda) -> None:
    stream, address = cuda.stream(), cuda.malloc(4)
    cuda.to_device(address, cuda.pinned(4), stream)
    cuda.free(address)
    cuda.synchronize(stream)


def past_the_end(cuda: FakeCuda) -> None:
    stream = cuda.stream()
    cuda.to_device(cuda.malloc(4), cuda.pinned(8), stream)
    cuda.synchronize(stream)


def pageable(cuda: FakeCuda) -> None:
    cuda.to_device(cuda.malloc(4), np.zeros(4, np.uint8), cuda.stream())


def default_stream(cuda: FakeCuda) -> None:
    cuda.to_device(cuda.malloc(4), cuda.pinned(4), 0)


def busy_stream(cuda: FakeCuda) -> None:
    stream = cuda.stream()
    cuda.to_device(cuda.malloc(4), cuda.pinned(4), stream)
    cuda.destroy_stream(stream)


def malloc_in_capture(cuda: FakeCuda) -> None:
    cuda.begin_capture(cuda.stream())
    cuda.malloc(4)


def mark_in_capture(cuda: FakeCuda) -> None:
    stream, event = cuda.stream(), cuda.event()
    cuda.begin_capture(stream)
    cuda.record(event, stream)


def empty_branch(cuda: FakeCuda) -> None:
    stream = cuda.stream()
    cuda.instantiate(captured(cuda, stream, lambda: cuda.branch(stream, cuda.condition(stream))))


def unused_condition(cuda: FakeCuda) -> None:
    stream = cuda.stream()
    cuda.instantiate(captured(cuda, stream, lambda: cuda.condition(stream)))


def decision_without_a_graph(cuda: FakeCuda) -> None:
    stream, block = cuda.stream(), cuda.malloc(16)
    decide(cuda, stream, score=block, taus=block, k=0, exit=block, scores=block, goes_on=ctypes.c_int(1).value)
    cuda.synchronize(stream)


def row_read_and_written(cuda: FakeCuda) -> None:
    stream, block, moves = cuda.stream(), cuda.malloc(16), cuda.malloc(8)
    cuda.view(moves, 8)[:] = 0
    move_rows(cuda, stream, target=block, source=block, moves=moves, count=1, row_bytes=4)
    cuda.synchronize(stream)


def other_thread(cuda: FakeCuda) -> None:
    caught = list[Misuse]()

    def call() -> None:
        try:
            cuda.malloc(4)
        except Misuse as misuse:
            caught.append(misuse)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    raise caught[0]


MISUSES = [
    ("is not allocated", freed_twice),
    ("not allocated, or not any more", used_after_free),
    ("not allocated", past_the_end),
    ("not page-locked", pageable),
    ("the stream 0", default_stream),
    ("work is under way", busy_stream),
    ("a capture does not allow", malloc_in_capture),
    ("into a capturing stream", mark_in_capture),
    ("a branch is empty", empty_branch),
    ("decides nothing", unused_condition),
    ("a condition of no graph", decision_without_a_graph),
    ("read and written", row_read_and_written),
    ("did not enter", other_thread),
]


@pytest.mark.parametrize(("message", "misuse"), [pytest.param(*case, id=case[1].__name__) for case in MISUSES])
def test_misuse_raises_and_is_remembered(cuda: FakeCuda, message: str, misuse: Callable[[FakeCuda], None]) -> None:
    with pytest.raises(Misuse, match=message):
        misuse(cuda)
    assert len(cuda.misuses) == 1


def test_a_branch_that_copies_to_the_host_is_refused(cuda: FakeCuda) -> None:
    stream, branches, memory, there = cuda.stream(), [], cuda.pinned(4), cuda.malloc(4)
    root = captured(cuda, stream, lambda: branches.append(cuda.branch(stream, cuda.condition(stream))))
    captured(cuda, stream, lambda: cuda.to_host(memory, there, stream), branch=branches[0])
    with pytest.raises(CaptureRefused, match="a branch copies to or from the host"):
        cuda.instantiate(root)


def test_what_is_not_given_back_is_counted(cuda: FakeCuda) -> None:
    cuda.malloc(4)
    cuda.free_pinned(cuda.pinned(4))
    cuda.destroy_event(cuda.event())
    assert cuda.alive() == {"memory": 1}
