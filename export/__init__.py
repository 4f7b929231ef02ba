"""Cut a network with exits into one verified ONNX graph per exit."""
