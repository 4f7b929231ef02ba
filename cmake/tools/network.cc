#include "network.h"

#include <algorithm>
#include <random>

#include "eeinfer/error.h"

namespace eeinfer::tools {
namespace {

Lengths shortest(const Manifest& manifest) {
  Lengths lengths;
  for (const auto& [name, axis] : manifest.axes) lengths[name] = axis.min;
  return lengths;
}

using NameOf = decltype(OrtApi::SessionGetInputName);

std::vector<std::string> names(const OrtApi& api, const OrtSession* session, std::size_t count, NameOf name_of) {
  OrtAllocator* allocator = nullptr;
  ort::check(api, api.GetAllocatorWithDefaultOptions(&allocator));
  std::vector<std::string> found;
  for (std::size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    ort::check(api, name_of(session, i, allocator, &name));
    found.emplace_back(name);
    ort::check(api, api.AllocatorFree(allocator, name));
  }
  return found;
}

}  // namespace

Given::Given(const Manifest& manifest) {
  std::mt19937 draw(0);
  std::normal_distribution<float> normal;
  const Lengths lengths = shortest(manifest);
  for (const Input& input : manifest.inputs) {
    Sizes shape = input.tensor.sizes(lengths);
    shape.insert(shape.begin(), 1);
    const auto count = static_cast<std::size_t>(count_of(shape));
    memory.emplace_back(count * static_cast<std::size_t>(dtype_bytes(input.tensor.dtype)));
    if (input.tensor.dtype == Dtype::float32)
      std::generate_n(reinterpret_cast<float*>(memory.back().data()), count, [&] { return normal(draw); });
    views.emplace_back(input.tensor.dtype, memory.back().data(), shape.data(), static_cast<int>(shape.size()),
                       input.tensor.name);
  }
}

Network::Network(const ort::Environment& environment, const std::filesystem::path& file,
                 const ort::SessionSettings& settings, const Given& given, const Manifest& manifest)
    : api_(environment.api()),
      session_(environment, file, settings),
      binding_(ort::make<ort::BindingPtr>(api_, api_.CreateIoBinding, session_.get())),
      exit_(static_cast<std::int64_t>(manifest.classes.size()), 1) {
  bind_inputs(given, manifest);
  bind_outputs(file);
}

void Network::run() const { ort::check(api_, api_.RunWithBinding(session_.get(), nullptr, binding_.get())); }

void Network::bind_inputs(const Given& given, const Manifest& manifest) {
  std::size_t count = 0;
  ort::check(api_, api_.SessionGetInputCount(session_.get(), &count));
  const std::vector<std::string> taken = names(api_, session_.get(), count, api_.SessionGetInputName);
  for (std::size_t at = 0; at < manifest.inputs.size(); ++at) {
    const std::string& name = manifest.inputs[at].tensor.name;
    if (std::find(taken.begin(), taken.end(), name) == taken.end()) continue;
    const View& view = given.views[at];
    const ort::Place place{const_cast<std::byte*>(given.memory[at].data()), view.dtype,
                           Sizes(view.shape.begin() + 1, view.shape.begin() + view.rank), 0};
    ort::bind_input(api_, binding_.get(), name, place, 1);
  }
}

void Network::bind_outputs(const std::filesystem::path& file) {
  std::size_t count = 0;
  ort::check(api_, api_.SessionGetOutputCount(session_.get(), &count));
  const std::vector<ort::Place> places = exit_.places();
  for (const std::string& name : names(api_, session_.get(), count, api_.SessionGetOutputName)) {
    const std::string kind = name.substr(0, name.find('_'));  // of logits_00, score_00, prediction_00
    const auto* found = std::find(std::begin(kExitOutputs), std::end(kExitOutputs), kind);
    if (found == std::end(kExitOutputs))
      throw BundleError(file.u8string() + " answers with " + name + "; give a network cut at an exit");
    const ort::Place& place = places[static_cast<std::size_t>(found - std::begin(kExitOutputs))];
    const ort::ValuePtr value = ort::wrap(api_, place.dtype, place.shape, 1, place.data);
    ort::check(api_, api_.BindOutput(binding_.get(), name.c_str(), value.get()));
  }
}

}  // namespace eeinfer::tools
