"""The ONNX graph of a network with exits: traced, indexed, scored, cut."""
