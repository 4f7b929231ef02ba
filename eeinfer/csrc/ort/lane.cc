#include "ort/lane.h"

#include <algorithm>
#include <cstring>

#include "finite.h"

namespace eeinfer::ort {
namespace {

std::vector<TensorSpec> given_and_carried(const Manifest& manifest) {
  std::vector<TensorSpec> specs;
  for (const Input& input : manifest.inputs) specs.push_back(input.tensor);
  for (const Segment& segment : manifest.segments)
    specs.insert(specs.end(), segment.carried.begin(), segment.carried.end());
  return specs;
}

}  // namespace

Lane::Lane(const Sessions& sessions, const Manifest& manifest)
    : sessions_(sessions),
      manifest_(manifest),
      api_(&sessions.front().api()),
      run_(api_->RunWithBinding),
      memory_(given_and_carried(manifest), 1),
      axes_(manifest) {
  for (std::size_t k = 0; k < sessions.size(); ++k) {
    exit_memory_.emplace_back(static_cast<std::int64_t>(manifest.classes.size()), 1);
    exits_.push_back(exit_memory_.back().exit());
  }
  turn(axes_.shortest());
}

void Lane::load(const Inputs& inputs) {
  if (!axes_.none())
    if (const Lengths lengths = axes_.lengths(inputs); lengths != lengths_) turn(lengths);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    std::memcpy((*given_)[i].data, inputs[i].data, (*given_)[i].row_bytes);
}

bool Lane::finite() const {
  return std::all_of(given_->begin(), given_->end(), [](const Place& place) {
    return all_finite(place.dtype, place.data, static_cast<std::size_t>(count_of(place.shape)));
  });
}

void Lane::turn(const Lengths& lengths) {
  if (memory_.grow(lengths) || ways_.size() * sessions_.size() >= kMostCalls) ways_.clear();
  auto found = ways_.find(lengths);
  if (found == ways_.end()) found = ways_.emplace(lengths, bound(memory_.places(lengths))).first;
  lengths_ = lengths;
  given_ = &found->second.given;
  bindings_.clear();
  for (const BindingPtr& binding : found->second.bindings) bindings_.push_back(binding.get());
}

Lane::Way Lane::bound(const std::map<std::string, Place>& places) const {
  Way way;
  for (std::size_t k = 0; k < sessions_.size(); ++k) {
    way.bindings.push_back(make<BindingPtr>(*api_, api_->CreateIoBinding, sessions_[k].get()));
    OrtIoBinding* binding = way.bindings.back().get();
    for (const TensorSpec& spec : manifest_.segments[k].inputs)
      bind_input(*api_, binding, spec.name, places.at(spec.name), 1);
    bind_made(*api_, binding, exit_memory_[k], manifest_.segments[k], places, 1);
  }
  for (const Input& input : manifest_.inputs) way.given.push_back(places.at(input.tensor.name));
  return way;
}

void bind_input(const OrtApi& api, OrtIoBinding* binding, const std::string& name, const Place& place, std::int64_t rows) {
  check(api, api.BindInput(binding, name.c_str(), wrap(api, place.dtype, place.shape, rows, place.data).get()));
}

void bind_made(const OrtApi& api, OrtIoBinding* binding, const ExitMemory& exit, const Segment& segment,
               const std::map<std::string, Place>& places, std::int64_t rows) {
  const auto bind = [&](const std::string& name, const Place& place) {
    check(api, api.BindOutput(binding, name.c_str(), wrap(api, place.dtype, place.shape, rows, place.data).get()));
  };
  const std::vector<Place> answers = exit.places();
  for (std::size_t i = 0; i < answers.size(); ++i) bind(kExitOutputs[i], answers[i]);
  for (const TensorSpec& spec : segment.carried) bind(spec.name, places.at(spec.name));
}

}  // namespace eeinfer::ort
