import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from eeinfer.bench.analysis.files import write_analysis
from eeinfer.bench.analysis.tables import text
from eeinfer.training.analysis.analyse import Analysis, Found, Network
from eeinfer.training.analysis.information import LayerInformation
from eeinfer.training.analysis.landscape import Landscape
from eeinfer.training.analysis.overthinking import Overthinking
from eeinfer.training.analysis.rank import LayerRank

FOUND: dict[str, Found] = {
    "rank": (LayerRank(layer="stem", width=9, rank=6, share=2 / 3), LayerRank(layer="fc", width=4, rank=4, share=1.0)),
    "information": (LayerInformation(layer="stem", sigma=0.5, nats=4.6, most=4.61, saturated=True),),
    "landscape": Landscape(
        coordinates=(-1.0, 0.0, 1.0),
        total=((3.0, 2.0, 3.0), (2.0, 0.5, 2.5), (3.0, 2.0, float("inf"))),
        exits=(((3.0, 2.0, 3.0), (2.0, 0.5, 2.5), (3.0, 2.0, 3.0)),),
    ),
    "overthinking": Overthinking(
        accuracy=(0.5, 0.75), spoiled=((0.0, 0.125), (0.0, 0.0)), destructive=0.125, wasteful=0.375, oracle=0.875
    ),
}
LINES = {"rank": 2, "information": 1, "landscape": 18, "overthinking": 6}


def analysis(kind: str) -> Analysis:
    networks = tuple(
        Network(label=name, regime="joint", exits=("stem", "last"), found=FOUND[kind]) for name in ("a", "b")
    )
    return Analysis(kind=kind, data="digits", part="test", images=100, seed=0, networks=networks)


@pytest.mark.parametrize("kind", FOUND)
def test_everything_is_in_the_files_and_the_same_twice(kind: str, tmp_path: Path) -> None:
    written = write_analysis(analysis(kind), tmp_path / "out")
    assert sorted(path.name for path in written.values()) == [f"{kind}.csv", f"{kind}.json", f"{kind}.svg"]
    record = json.loads(written["json"].read_bytes())
    assert [network["label"] for network in record["networks"]] == ["a", "b"]
    lines = list(csv.DictReader(written["csv"].read_text().splitlines()))
    assert len(lines) == 2 * LINES[kind]
    assert {line["network"] for line in lines} == {"a", "b"}
    svg = written["svg"].read_bytes()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert write_analysis(analysis(kind), tmp_path / "again")["svg"].read_bytes() == svg


def test_pictures_of_layers_say_where_exits_sit_unless_networks_differ_in_it(tmp_path: Path) -> None:
    for kind in ("rank", "information"):
        same = analysis(kind)
        assert b"<!-- exit 0 -->" in write_analysis(same, tmp_path)["svg"].read_bytes()
        assert b"<!-- exit 1 -->" not in write_analysis(same, tmp_path)["svg"].read_bytes()  # it is in no layer
        moved = (same.networks[0], replace(same.networks[1], exits=("fc", "last")))
        assert b"<!-- exit 0 -->" not in write_analysis(replace(same, networks=moved), tmp_path)["svg"].read_bytes()


def test_a_terminal_shows_the_layers_and_the_middle_of_a_plane() -> None:
    assert text(analysis("rank")).splitlines()[1].split() == ["a", "joint", "stem", "9", "6", "0.6667"]
    assert "exit 0 0.500 at the weights, 2.000 to 2.500 at the rim" in text(analysis("landscape"))
    assert "wrong at the last" in text(analysis("overthinking"))
