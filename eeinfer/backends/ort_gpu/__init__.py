"""ONNX Runtime on a GPU: its CUDA, TensorRT and TensorRT-RTX providers."""
