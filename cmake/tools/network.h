// A network that is cut at an exit, as one session with everything bound beforehand, and what it and a cascade are given.
#ifndef EEINFER_TOOLS_NETWORK_H
#define EEINFER_TOOLS_NETWORK_H

#include <filesystem>
#include <vector>

#include "eeinfer/manifest.h"
#include "eeinfer/view.h"
#include "ort/lane.h"

namespace eeinfer::tools {

// What a call is given: noise, the same each time; whole numbers are zeros, which every table of words has.
struct Given {
  std::vector<std::vector<std::byte>> memory;
  std::vector<View> views;

  explicit Given(const Manifest& manifest);
};

class Network {
 public:
  // Open the graph and bind it to what is given. Throws BundleError: ONNX Runtime cannot read it, or it is no such network.
  Network(const ort::Environment& environment, const std::filesystem::path& file, const ort::SessionSettings& settings,
          const Given& given, const Manifest& manifest);

  void run() const;

 private:
  void bind_inputs(const Given& given, const Manifest& manifest);
  void bind_outputs(const std::filesystem::path& file);

  const OrtApi& api_;
  ort::Session session_;
  ort::BindingPtr binding_;
  ort::ExitMemory exit_;
};

}  // namespace eeinfer::tools

#endif
