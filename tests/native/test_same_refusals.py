"""Every bad bundle of Python's tests is refused by C++ with the same kind of error and the same words."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHANGING = "test_stamp.py"  # replaces bundles while Python reads them
LEFT_OUT = "every_flipped_bit"  # thousands of manifests: differential.py compares as many, and other damage
FEWEST = 150  # refusals: far fewer would mean that nothing is compared any more


def test_both_readers_refuse_the_same_in_the_same_words(reader: Path) -> None:
    tests = sorted((ROOT / "tests" / "bundle").rglob("test_*.py"))
    paths = [str(path) for path in tests if path.name != CHANGING]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "same_refusals", "-p", "no:cacheprovider"]
    command += ["-k", f"not {LEFT_OUT}", *paths]
    search = os.pathsep.join((str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"EEINFER_READ": str(reader), "PYTHONPATH": search}
    found = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    counted = re.search(r"both readers: (\d+) accepted, (\d+) refused", found.stdout)
    assert counted is not None
    assert int(counted[1]) > 0
    assert int(counted[2]) > FEWEST
