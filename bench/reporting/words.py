"""The words of a report, for who meets them for the first time; columns carry theirs with them."""

WORDS = {
    "exit": "a place in the network that can answer. Exit 0 comes first; the last one is the network's own classifier.",
    "score": "how sure an exit is of its answer, from 0 to 1.",
    "tau": "the threshold. An image leaves at the first exit whose score is above it: 0 leaves at once, 1 never early.",
    "cascade": "the network run exit by exit, until one is sure enough.",
    "static network": "the same network without any early exit. Its time and its FLOPs are the 100 % of everything.",
    "exit as a network of its own": "the network cut off behind that exit, which every image leaves there.",
    "FLOPs": "analytic work: multiplications with their additions, each pair counted once. kFLOPs, MFLOPs, GFLOPs: "
    "thousands, millions, billions.",
    "mean ms": "milliseconds per image, the mean over images of each one's median over rounds.",
    "p90, p99": "nine calls of ten, and ninety-nine of a hundred, take no longer.",
    "vs static": "how many times as fast as the static network; below 1x it is slower.",
    "saved": "the share of milliseconds saved divided by the share of FLOPs saved. At 1 all that was saved on paper "
    "is saved on the clock.",
    "Pareto front": "the thin steps in a plot. Of what lies faded below, something is both cheaper and more accurate.",
    "interval": "the bars at a point: 95 % for an accuracy (exact, from the number of images), for a time from rounds "
    "drawn anew.",
}

_COLUMNS = {
    "accuracy %": "share of images that get the right answer",
    "mean ms": WORDS["mean ms"],
    "median": "milliseconds, the middle of all single calls",
    "min": "milliseconds of the quickest call",
    "p90": "nine calls of ten take no longer, milliseconds",
    "p99": "ninety-nine calls of a hundred take no longer, milliseconds",
    "vs static": WORDS["vs static"],
    "saved": WORDS["saved"],
    "tau": WORDS["tau"],
    "reached %": "share of all images that get as far as this exit",
    "leave %": "share of these that leave here",
    "must leave %": "share that must leave for the exit to save time on average",
    "costs ms": "what an image that goes on pays for having been asked here",
    "saves ms": "what an image that leaves here would still have taken",
    "pairs": "back-to-back calls behind the ratio",
    "95 %": "between these two the true value lies, 95 times of a hundred",
    "over the first": "its milliseconds over those of the first bundle",
    "mean exit": "the exit at which images leave, in the mean; exits are counted from 0",
    "memory MB": "what the process grew by when the bundle was opened",
    "files MB": "on disk",
    "same answers %": "share of images that it answers as the first one does",
    "p": "how likely so uneven a split is if both are equally good",
    "points": "accuracy of the first named minus that of the other, in percentage points",
    "ratio": "the cascade's time over that of one session doing the same work",
}


def meaning(column: str) -> str:
    """Return what a column's heading means; nothing where it says so itself."""
    if column.startswith("exit ") and column.endswith("%"):
        return "share of images that leave at this exit"
    if column.endswith("FLOPs"):
        return WORDS["FLOPs"]
    return _COLUMNS.get(column, "")
