"""What tuning may have found out about the tiny bundle."""

from eeinfer.backends.profile import Profile, Trial

PROFILE = Profile(
    bundle="tiny",
    threads="stopping:1,1,2",
    process="stopping:1,1,2",
    exits=(2,),
    trials=(Trial(threads="stopping:1,1,2", ms=(1.0,), ratio=1.0),),
    sizes=(1, 2),
    segment_ms=((1.0, 2.0), (1.0, 1.0), (1.0, 2.0)),
    move_ms=0.1,
    bytes_per_ms=1e6,
    created="2026-01-01T00:00:00+00:00",
    cores=2,
)
