"""A bundle as one ONNX file."""
