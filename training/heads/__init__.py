"""Internal classifiers: what they read, how they reduce it, how they are built."""
