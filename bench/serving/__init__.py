"""Load tests of a server: open-loop arrivals, goodput within a deadline, peers in the same run."""
