"""The page of what was tuned: which bar is the one that is taken."""

import json
import re
from dataclasses import replace
from html import unescape

import msgspec
import pytest
from some_reports import some_tuned

from eeinfer.backends.profile import Trial
from eeinfer.bench.tune.page import tune_page
from eeinfer.bench.tune.taken import mixture


@pytest.mark.parametrize(("taken", "faded"), [("parked:1,2", [False, True, True]), ("stopping:2", [True, True, False])])
def test_the_setting_that_is_taken_has_its_full_colour_though_another_is_quicker(taken: str, faded: list[bool]) -> None:
    tuned = some_tuned()
    picks = tuple(
        msgspec.structs.replace(pick, settings=pick.settings | {"onnxruntime": taken}) for pick in tuned.choice.picks
    )
    page = tune_page(replace(tuned, choice=msgspec.structs.replace(tuned.choice, picks=picks)))
    assert f"eeinfer.load takes onnxruntime {taken} now" in page
    settings, _ = (json.loads(unescape(spec)) for spec in re.findall(r'data-plot="([^"]*)"', page))
    assert [point["faded"] for point in settings["series"][0]["points"]] == faded


def test_the_page_says_what_is_taken_by_whom_and_how_far_answers_agree() -> None:
    page = tune_page(some_tuned())
    for expected in ("What is taken", "eeinfer.load", "openvino over onnxruntime", "1.25", "100.00% of decisions"):
        assert expected in page


def test_what_a_mixture_could_gain_is_told_from_the_differences_between_exits() -> None:
    tuned = some_tuned()
    assert mixture(tuned, tuned.choice.pick()) == pytest.approx(1.0)  # 0.1 and 0.4 ms beside 0.125 and 0.5
    slow = msgspec.structs.replace(
        tuned.profiles["openvino"], trials=(Trial(threads="parked:2", ms=(0.3, 0.5), ratio=1),)
    )
    quicker_later = replace(tuned, profiles=tuned.profiles | {"openvino": slow})
    assert mixture(quicker_later, tuned.choice.pick()) == pytest.approx((0.1 / 0.1 + 0.3 / 0.4) / 2)
    assert "would take 0.88 of eeinfer.load" in tune_page(quicker_later)


def test_one_library_alone_has_nothing_to_compare() -> None:
    tuned = some_tuned()
    alone = replace(tuned, profiles={"onnxruntime": tuned.profiles["onnxruntime"]}, left_out={"openvino": "not there"})
    assert "What is taken" not in tune_page(alone)
