#include "ort/rows.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace eeinfer::ort {
namespace {

std::vector<TensorSpec> carried(const Manifest& manifest) {
  std::vector<TensorSpec> specs;
  for (const Segment& segment : manifest.segments)
    specs.insert(specs.end(), segment.carried.begin(), segment.carried.end());
  return specs;
}

std::size_t input_named(const Manifest& manifest, const std::string& name) {
  const auto found = std::find_if(manifest.inputs.begin(), manifest.inputs.end(),
                                  [&](const Input& input) { return input.tensor.name == name; });
  return static_cast<std::size_t>(found - manifest.inputs.begin());
}

}  // namespace

Rows::Rows(const Sessions& sessions, const Manifest& manifest, std::int64_t capacity)
    : sessions_(sessions),
      manifest_(manifest),
      api_(&sessions.front().api()),
      capacity_(capacity),
      memory_(carried(manifest), capacity),
      axes_(manifest) {
  const std::size_t inputs = manifest.inputs.size();
  inputs_alive_.emplace_back(inputs, true);  // in front of the first segment
  carried_alive_.emplace_back();
  const std::vector<std::vector<TensorSpec>> kept = alive(manifest);
  for (std::size_t k = 0; k < sessions.size(); ++k) {
    exits_.emplace_back(static_cast<std::int64_t>(manifest.classes.size()), capacity);
    reads_.emplace_back();
    for (const TensorSpec& spec : manifest.segments[k].inputs)
      if (const std::size_t at = input_named(manifest, spec.name); at < inputs) reads_.back().push_back(at);
    inputs_alive_.emplace_back(inputs, false);
    carried_alive_.emplace_back();
    for (const TensorSpec& spec : kept[k])
      if (const std::size_t at = input_named(manifest, spec.name); at < inputs)
        inputs_alive_.back()[at] = true;
      else
        carried_alive_.back().push_back(spec.name);
  }
}

void Rows::load(const Inputs& inputs) {
  inputs_.clear();
  for (const Tensor& tensor : inputs) inputs_.push_back({tensor, {}});
  set_lengths(axes_.lengths(inputs));
  count_ = inputs.front().rows;
  done_ = 0;
}

Exit Rows::run(std::size_t segment) {
  const auto key = std::make_tuple(segment, count_, lengths_);
  auto found = calls_.find(key);
  if (found == calls_.end()) {
    if (calls_.size() >= kMostCalls) calls_.clear();
    found = calls_.emplace(key, bound(segment)).first;
  }
  OrtIoBinding* binding = found->second.get();
  for (const std::size_t at : reads_[segment]) {
    const Tensor& given = inputs_[at].tensor;
    // ONNX Runtime takes no constant memory, and writes to none that it reads.
    const Place place{const_cast<std::byte*>(given.data), given.dtype, given.shape, 0};
    bind_input(*api_, binding, manifest_.inputs[at].tensor.name, place, count_);
  }
  check(*api_, api_->RunWithBinding(sessions_[segment].get(), nullptr, binding));
  done_ = segment + 1;
  return exits_[segment].exit();
}

void Rows::take(const std::vector<Rows*>& sources, const std::vector<std::int64_t>& order) {
  const Rows& first = *sources.front();
  std::vector<Found> all, taken;
  for (Rows* source : sources) {
    assert(source->done_ == first.done_ && source->lengths_ == first.lengths_);
    for (std::int64_t row = 0; row < source->count_; ++row) all.emplace_back(source, row);
  }
  for (const std::int64_t at : order) taken.push_back(all[static_cast<std::size_t>(at)]);
  done_ = first.done_;
  if (this != &first) set_lengths(first.lengths_);
  std::vector<Given> inputs = gathered(taken);
  move(taken);
  inputs_ = std::move(inputs);
  count_ = static_cast<std::int64_t>(order.size());
}

void Rows::forget() { inputs_.clear(); }

void Rows::set_lengths(const Lengths& lengths) {
  if (has_lengths_ && lengths == lengths_) return;
  if (memory_.grow(lengths)) calls_.clear();
  places_ = memory_.places(lengths);
  lengths_ = lengths;
  has_lengths_ = true;
}

BindingPtr Rows::bound(std::size_t segment) const {
  auto binding = make<BindingPtr>(*api_, api_->CreateIoBinding, sessions_[segment].get());
  for (const TensorSpec& spec : manifest_.segments[segment].inputs)
    if (const auto found = places_.find(spec.name); found != places_.end())
      bind_input(*api_, binding.get(), spec.name, found->second, count_);
  bind_made(*api_, binding.get(), exits_[segment], manifest_.segments[segment], places_, count_);
  return binding;
}

std::vector<Rows::Given> Rows::gathered(const std::vector<Found>& rows) const {
  std::vector<Given> made(manifest_.inputs.size());
  for (std::size_t input = 0; input < made.size(); ++input) {
    if (!inputs_alive_[done_][input]) continue;
    made[input].tensor = rows.front().first->inputs_[input].tensor;
    const std::size_t bytes = made[input].tensor.row_bytes();
    made[input].copy.resize(bytes * rows.size());
    for (std::size_t to = 0; to < rows.size(); ++to) {
      const std::byte* from = rows[to].first->inputs_[input].tensor.data;
      std::memcpy(made[input].copy.data() + to * bytes, from + static_cast<std::size_t>(rows[to].second) * bytes, bytes);
    }
    made[input].tensor.rows = static_cast<std::int64_t>(rows.size());
    made[input].tensor.data = made[input].copy.data();
  }
  return made;
}

void Rows::move(const std::vector<Found>& rows) {
  for (const std::string& name : carried_alive_[done_]) {
    const Place& to = places_.at(name);
    for (std::size_t at = 0; at < rows.size(); ++at) {
      const auto& [source, row] = rows[at];
      if (source == this && static_cast<std::size_t>(row) == at) continue;
      const std::byte* from = source->places_.at(name).data;
      std::memcpy(to.data + at * to.row_bytes, from + static_cast<std::size_t>(row) * to.row_bytes, to.row_bytes);
    }
  }
}

}  // namespace eeinfer::ort
