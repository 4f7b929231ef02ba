#include "ort/provider.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "eeinfer/error.h"
#include "files/text.h"

namespace eeinfer::ort {
namespace {

constexpr const char* kNames[] = {"cpu", "cuda", "tensorrt"};  // in the order of ProviderKind
constexpr const char* kBuiltIn[] = {"CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"};

using CudaPtr = std::unique_ptr<OrtCUDAProviderOptionsV2, Releaser<&OrtApi::ReleaseCUDAProviderOptions>>;
using TensorrtPtr = std::unique_ptr<OrtTensorRTProviderOptionsV2, Releaser<&OrtApi::ReleaseTensorRTProviderOptions>>;

std::vector<std::string> built_in(const OrtApi& api) {
  char** names = nullptr;
  int count = 0;
  check(api, api.GetAvailableProviders(&names, &count));
  std::vector<std::string> found(names, names + count);
  check(api, api.ReleaseAvailableProviders(names, count));
  return found;
}

void append_cuda(const OrtApi& api, OrtSessionOptions* options, const char* device) {
  const char* key = "device_id";
  const auto cuda = make<CudaPtr>(api, api.CreateCUDAProviderOptions);
  check(api, api.UpdateCUDAProviderOptions(cuda.get(), &key, &device, 1));
  check(api, api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()));
}

void append_tensorrt(const OrtApi& api, OrtSessionOptions* options, const char* device) {
  const char* key = "device_id";
  const auto tensorrt = make<TensorrtPtr>(api, api.CreateTensorRTProviderOptions);
  check(api, api.UpdateTensorRTProviderOptions(tensorrt.get(), &key, &device, 1));
  check(api, api.SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt.get()));
}

}  // namespace

Provider as_provider(const std::string& name, int device, const Library& library) {
  const auto* found = name.empty() ? kNames : std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) throw ConfigError("provider is " + in_quotes(name) + "; give cpu, cuda or tensorrt");
  if (device < 0) throw ConfigError("device_id is " + std::to_string(device) + "; give the number of a GPU, 0 or more");
  const auto kind = static_cast<ProviderKind>(found - kNames);
  const std::vector<std::string> known = built_in(*library.api);
  const char* wanted = kBuiltIn[static_cast<std::size_t>(kind)];
  if (std::find(known.begin(), known.end(), wanted) == known.end())
    throw ConfigError("provider is " + name + ", and ONNX Runtime " + library.version + " was built without " + wanted +
                      ", it has " + joined(known, ", ") + "; name one with it in EEINFER_ONNXRUNTIME, as pip install " +
                      "onnxruntime-gpu brings it");
  return {kind, device};
}

void append_provider(const OrtApi& api, OrtSessionOptions* options, const Provider& provider) {
  if (provider.kind == ProviderKind::cpu) return;
  const std::string device = std::to_string(provider.device);
  if (provider.kind == ProviderKind::tensorrt) append_tensorrt(api, options, device.c_str());
  append_cuda(api, options, device.c_str());
}

}  // namespace eeinfer::ort
