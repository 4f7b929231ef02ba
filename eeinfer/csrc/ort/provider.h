// Which execution provider of ONNX Runtime computes: the CPU's, or one for NVIDIA GPUs.
#ifndef EEINFER_ORT_PROVIDER_H
#define EEINFER_ORT_PROVIDER_H

#include <string>

#include "ort/library.h"

namespace eeinfer::ort {

enum class ProviderKind { cpu, cuda, tensorrt };

struct Provider {
  ProviderKind kind = ProviderKind::cpu;
  int device = 0;  // which GPU
};

// Read the setting: "cpu" or nothing, "cuda" or "tensorrt". Throws ConfigError: another word, a negative device, or a
// provider that this ONNX Runtime was built without.
Provider as_provider(const std::string& name, int device, const Library& library);

// Let a session compute on it, what TensorRT leaves on CUDA. Throws Failure: its libraries or the GPU are missing.
void append_provider(const OrtApi& api, OrtSessionOptions* options, const Provider& provider);

}  // namespace eeinfer::ort

#endif
