"""eeinfer: early-exit classifiers from training to deployment."""
