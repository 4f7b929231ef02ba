// ONNX Runtime's C API, its objects released by themselves and its failures as exceptions.
#ifndef EEINFER_ORT_API_H
#define EEINFER_ORT_API_H

#include <onnxruntime_c_api.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace eeinfer::ort {

// Asked of the library, whatever headers this was compiled with: the oldest that is supported, 1.21.
constexpr std::uint32_t kApiVersion = 21;

// What ONNX Runtime says went wrong, its first line; whoever knows which file or segment it was about names that.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throw Failure unless `status` is none.
inline void check(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return;
  std::string text = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  throw Failure(text.empty() ? "ONNX Runtime failed" : text.substr(0, text.find_first_of("\r\n")));
}

template <auto release>
struct Releaser {
  const OrtApi* api;
  template <class T>
  void operator()(T* object) const {
    (api->*release)(object);
  }
};

using EnvPtr = std::unique_ptr<OrtEnv, Releaser<&OrtApi::ReleaseEnv>>;
using OptionsPtr = std::unique_ptr<OrtSessionOptions, Releaser<&OrtApi::ReleaseSessionOptions>>;
using SessionPtr = std::unique_ptr<OrtSession, Releaser<&OrtApi::ReleaseSession>>;
using BindingPtr = std::unique_ptr<OrtIoBinding, Releaser<&OrtApi::ReleaseIoBinding>>;
using ValuePtr = std::unique_ptr<OrtValue, Releaser<&OrtApi::ReleaseValue>>;
using MemoryInfoPtr = std::unique_ptr<OrtMemoryInfo, Releaser<&OrtApi::ReleaseMemoryInfo>>;
using ThreadingPtr = std::unique_ptr<OrtThreadingOptions, Releaser<&OrtApi::ReleaseThreadingOptions>>;
using TypeInfoPtr = std::unique_ptr<OrtTypeInfo, Releaser<&OrtApi::ReleaseTypeInfo>>;

// Call a function of the API whose last argument says where the new object goes, and own that object.
template <class Pointer, class Function, class... Arguments>
Pointer make(const OrtApi& api, Function function, Arguments... arguments) {
  typename Pointer::pointer object = nullptr;
  check(api, function(arguments..., &object));
  return Pointer(object, {&api});
}

}  // namespace eeinfer::ort

#endif
