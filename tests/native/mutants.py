"""Change either loop alone, and see that the comparison of the two fails: ``python tests/native/mutants.py``.

Two mutations of each loop, one at a time, each in a copy of the repository; the tests that compare them must fail. The
C++ library is compiled anew for its two: name headers as for ``eeinfer native build`` in EEINFER_HEADERS.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/native/test_golden_cases.py", "tests/backends/native/test_backend.py")
PYTHON, CPP = "eeinfer/steps.py", "eeinfer/csrc/steps.cc"
MUTATIONS = (
    (PYTHON, "last or leaves(score, tau) or now", "last or score >= tau or now"),
    (PYTHON, "batch.near[i] |= not last and near(score, tau)", "batch.near[i] |= False"),
    (CPP, "last || leaves(score, limit) || now", "last || score >= limit || now"),
    (CPP, "close |= !last && near(score, limits[k])", "close |= false"),
)


def main() -> None:
    """Say of every mutation whether the tests failed, and exit with 1 where they did not."""
    lived = 0
    for number, (file, old, new) in enumerate(MUTATIONS):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "repository")
            shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv"))
            text = (copy / file).read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{file} has no such line any more: {old}"
            (copy / file).write_text(text.replace(old, new), encoding="utf-8")
            failed = _tests_fail(copy, Path(folder, "cache"), compiled=file == CPP)
        lived += not failed
        print(f"{number + 1}. {file}: {new}: {'the tests fail' if failed else 'LIVED'}", flush=True)
    sys.exit(lived > 0)


def _tests_fail(copy: Path, cache: Path, *, compiled: bool) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    if compiled:  # the library of this copy, never one that is there
        environment["EEINFER_CACHE"] = str(cache)
        environment.pop("EEINFER_NATIVE", None)
        headers = os.environ.get("EEINFER_HEADERS")
        command = [sys.executable, "-m", "eeinfer", "native", "build", *(["--headers", headers] if headers else [])]
        made = subprocess.run(command, env=environment, cwd=copy, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        environment["EEINFER_NATIVE"] = made.stdout.strip()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, env=environment, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
    assert "ERROR " not in done.stdout, done.stdout[-2000:]  # tests ran, and some failed
    print("   ", next((line for line in done.stdout.splitlines() if line.startswith("FAILED")), done.stdout[-200:]))
    return done.returncode == 1


if __name__ == "__main__":
    main()
