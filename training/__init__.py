"""Train early-exit classifiers under a regime: disjoint, joint, mixed, or any phase string."""
