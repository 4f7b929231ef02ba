"""What is taken of settings that were measured: for each number of threads, beside other work or in its own process."""

from collections.abc import Mapping

import pytest

from eeinfer.backends.chosen import Agreement, Candidate, Choice
from eeinfer.backends.profile import Profile, Trial
from eeinfer.bench.tune.choosing import chosen

SAME = Agreement(rows=8, taus=(0.5,), decisions=1.0, predictions=1.0, score_error=1e-6)


def profile(ms: Mapping[str, float]) -> Profile:
    quickest = sorted(ms, key=lambda threads: ms[threads])
    return Profile(
        bundle="some",
        threads=next(threads for threads in quickest if not threads.startswith("shared")),
        process=quickest[0],
        exits=(0,),
        trials=tuple(
            Trial(threads=threads, ms=(ms[threads],), ratio=ms[threads] / ms[quickest[0]]) for threads in quickest
        ),
        sizes=(1,),
        segment_ms=((1.0,),),
        move_ms=0.1,
        bytes_per_ms=1e6,
        created="2026-01-01T00:00:00+00:00",
        cores=2,
    )


FIRST = profile({"shared:2": 1.0, "stopping:2": 1.3, "parked:1": 1.8, "parked:2": 1.9})


def taken(other: Profile, agreement: Agreement = SAME) -> Choice:
    candidates = (
        Candidate(backend="onnxruntime", version="1", agreement=None),
        Candidate(backend="openvino", version="1", agreement=agreement),
    )
    return chosen("some", {"onnxruntime": FIRST, "openvino": other}, candidates)


def backends(choice: Choice) -> dict[tuple[bool, int | None], str]:
    return {(pick.process, pick.threads): pick.backend for pick in choice.picks}


def test_a_library_without_a_pool_for_all_is_taken_where_the_pool_may_not_be() -> None:
    choice = taken(profile({"parked:2": 1.1, "parked:1": 1.9}))
    assert backends(choice) == {
        (True, None): "onnxruntime",
        (True, 1): "onnxruntime",
        (True, 2): "onnxruntime",
        (False, None): "openvino",
        (False, 1): "onnxruntime",
        (False, 2): "openvino",
    }
    beside = choice.pick()
    assert beside.settings == {"onnxruntime": "stopping:2", "openvino": "parked:2"}
    assert beside.ratios == pytest.approx({"onnxruntime": 1.0, "openvino": 1.1 / 1.3})
    assert choice.pick(2, process=True).settings == {"onnxruntime": "shared:2", "openvino": "parked:2"}


def test_what_is_quicker_than_the_pool_is_taken_everywhere() -> None:
    choice = taken(profile({"parked:2": 0.9, "parked:1": 1.85}))
    assert backends(choice) == {
        (process, threads): "onnxruntime" if threads == 1 else "openvino"
        for process in (True, False)
        for threads in (None, 1, 2)
    }


def test_a_lead_within_noise_is_none() -> None:
    assert taken(profile({"parked:2": 1.29, "parked:1": 1.79})).pick().backend == "onnxruntime"


@pytest.mark.parametrize(
    "agreement",
    [
        Agreement(rows=8, taus=(0.5,), decisions=1.0, predictions=0.99, score_error=1e-6),
        Agreement(rows=8, taus=(0.5,), decisions=1.0, predictions=1.0, score_error=2e-4),
        Agreement(rows=8, taus=(0.5,), decisions=1.0, predictions=1.0, score_error=1e-6, compared=0.4),
    ],
)
def test_who_answers_otherwise_is_never_taken(agreement: Agreement) -> None:
    found = taken(profile({"parked:2": 0.1, "parked:1": 0.1}), agreement)
    assert {pick.backend for pick in found.picks} == {"onnxruntime"}
    assert found.pick().ratios["openvino"] == pytest.approx(0.1 / 1.3)


def test_decisions_that_differ_within_what_kernels_are_apart_are_no_reason_against_it() -> None:
    near = Agreement(rows=8, taus=(0.5,), decisions=0.99, predictions=1.0, score_error=5e-5)
    assert taken(profile({"parked:2": 0.1, "parked:1": 0.1}), near).pick().backend == "openvino"


def test_a_setting_that_one_library_has_not_is_left_out_of_the_comparison() -> None:
    choice = taken(profile({"parked:1": 0.1}))
    assert choice.pick(2).ratios == {"onnxruntime": 1.0}
    assert choice.pick(1).backend == "openvino"
