"""The page of what was tuned: which bar is the one that is taken."""

import json
import re
from dataclasses import replace
from html import unescape

import msgspec
import pytest
from some_reports import some_tuned

from eeinfer.bench.tune.page import tune_page


@pytest.mark.parametrize(("taken", "faded"), [("parked:1,2", [False, True]), ("stopping:2", [True, False])])
def test_the_setting_that_is_taken_has_its_full_colour_though_another_is_quicker(taken: str, faded: list[bool]) -> None:
    tuned = some_tuned()
    profile = msgspec.structs.replace(tuned.profiles["onnxruntime"], threads=taken)
    page = tune_page(replace(tuned, profiles={"onnxruntime": profile}))
    assert f"eeinfer.load takes onnxruntime {taken} now" in page
    settings, _ = (json.loads(unescape(spec)) for spec in re.findall(r'data-plot="([^"]*)"', page))
    assert [point["faded"] for point in settings["series"][0]["points"]] == faded
