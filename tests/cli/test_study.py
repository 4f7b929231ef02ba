from pathlib import Path

from cli_runs import Run

TINY = """
recipe = "sdn_digits"
[settings]
data.max_images = 200
phase1.epochs = 1
phase3.epochs = 1
[grid]
regime = ["disjoint"]
"""


def test_without_a_name_the_studies_are_listed(run: Run) -> None:
    done = run("study")
    assert done.status == 0
    assert "frequency" in done.out
    assert "How many exits" in done.out


def test_an_unknown_name_gets_the_known_ones(run: Run) -> None:
    done = run("study", "regime")
    assert done.status == 1
    assert "unknown study 'regime': did you mean 'regimes'? known are regimes, pretrained" in done.err


def test_a_size_that_is_none_is_named(run: Run) -> None:
    assert "unknown size 'big': known are small, paper" in run("study", "regimes", "--size", "big").err


def test_a_mistake_in_a_file_is_one_line_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[grid]\n"phase1.rate" = [1]')
    done = run("study", str(path), "--out", str(tmp_path / "out"))
    assert done.status == 1
    assert "unknown key of grid 'phase1.rate'" in done.err
    assert not (tmp_path / "out").exists()


def test_show_prints_the_runs_and_trains_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TINY)
    done = run("study", str(path), "--show", "--out", str(tmp_path / "out"))
    assert done.status == 0
    assert "after phase 1" in done.out
    assert done.out.count(" min") == 2  # of the run, and of the look at its network
    assert "timing a few training steps of every network" in done.err
    assert "hours with --workers 1" in done.err
    assert not (tmp_path / "out").exists()


def test_networks_are_built_before_anything_is_trained(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TINY + '"exits" = [[7]]')
    done = run("study", str(path), "--out", str(tmp_path / "out"))
    assert done.status == 1
    assert "exit position 7 is out of range" in done.err
    assert not list((tmp_path / "out").glob("work/*"))
