"""The optional packages: which extra of eeinfer brings each, and what to say where one is missing."""

from eeinfer.errors import DependencyError

# Import name -> (name on the package index, extra). Where two extras bring a package, the smaller one stands here.
PACKAGES = {
    "onnxruntime": ("onnxruntime", "cpu"),
    "openvino": ("openvino", "openvino"),
    "jinja2": ("jinja2", "bench"),
    "matplotlib": ("matplotlib", "bench"),
    "starlette": ("starlette", "serve"),
    "uvicorn": ("uvicorn", "serve"),
    "grpc": ("grpcio", "serve"),
    "google": ("protobuf", "serve"),
    "prometheus_client": ("prometheus-client", "serve"),
    "onnx": ("onnx", "bench"),
    "torch": ("torch", "train"),
    "torchvision": ("torchvision", "train"),
    "timm": ("timm", "train"),
    "fvcore": ("fvcore", "train"),
    "lightning_fabric": ("lightning-fabric", "train"),
    "sklearn": ("scikit-learn", "train"),
    "onnxscript": ("onnxscript", "export"),
    "tensorboard": ("tensorboard", "all"),
    "mlflow": ("mlflow-skinny", "mlflow"),
    "cuda": ("cuda-bindings", "gpu"),
    "pynvml": ("nvidia-ml-py", "gpu"),
    "tensorrt": ("tensorrt-cu13", "tensorrt"),
    "tensorrt_rtx": ("tensorrt-rtx-cu13", "tensorrt-rtx"),
    "onnxruntime_ep_nv_tensorrt_rtx": ("onnxruntime-ep-nv-tensorrt-rtx-cu13", "tensorrt-rtx"),
}

# The wheels that all fill the import package `onnxruntime`: the one installed last wins, silently.
RUNTIME_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")


def missing_extra(error: ImportError) -> DependencyError | None:
    """Return the sentence that names the extra to install, or None where the import failed for another reason."""
    package = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package not in PACKAGES:
        return None
    _, extra = PACKAGES[package]
    other = " (with an NVIDIA GPU 'eeinfer[gpu]' in its place)" if extra == "cpu" else ""
    return DependencyError(f"{package} is not installed and this needs it: pip install 'eeinfer[{extra}]'{other}")
