"""The golden file of a bundle: what its exits answered to some inputs, and whether they still do."""
