"""A peer's process that misbehaves as the environment asks: it crashes, hangs, babbles or answers something else."""

import os
import sys
import time

from eeinfer.bench.workers import messages

HOW = "EEINFER_TEST_WORKER"


def misbehave(how: str, line: bytes) -> bytes:
    if how == "crash":
        sys.stderr.write("the roof is on fire\n")
        sys.stderr.flush()
        os._exit(7)
    if how == "abort":
        os.abort()
    if how == "hang":
        time.sleep(600)
    if how == "babble":
        return b"loading model ...\n"
    return messages.write(messages.Memory(peak_mb=1.0, increase_mb=None)) + b"\n"


def main() -> None:
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(misbehave(os.environ[HOW], line))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
