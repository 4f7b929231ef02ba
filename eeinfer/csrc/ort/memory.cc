#include "ort/memory.h"

#include <iterator>
#include <limits>
#include <new>

#include "ort/dtypes.h"

namespace eeinfer::ort {
namespace {

constexpr std::size_t kCacheLineBytes = 64;

Place place_of(const TensorSpec& spec, const Lengths& lengths, std::byte* data) {
  Place place{data, spec.dtype, spec.sizes(lengths), 0};
  place.row_bytes = static_cast<std::size_t>(count_of(place.shape) * dtype_bytes(spec.dtype));
  return place;
}

std::size_t times(std::size_t bytes, std::int64_t rows) {
  if (bytes != 0 && static_cast<std::size_t>(rows) > (std::numeric_limits<std::size_t>::max() / 2) / bytes)
    throw std::bad_alloc();
  return bytes * static_cast<std::size_t>(rows);
}

}  // namespace

Aligned::Aligned(std::size_t bytes) : memory_(new std::byte[bytes + kCacheLineBytes]()), bytes_(bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
  start_ = memory_.get() + (kCacheLineBytes - address % kCacheLineBytes) % kCacheLineBytes;
}

Memory::Memory(std::vector<TensorSpec> specs, std::int64_t rows) : specs_(std::move(specs)), rows_(rows) {}

std::size_t Memory::bytes() const {
  std::size_t sum = 0;
  for (const auto& [name, memory] : flat_) sum += memory.bytes();
  return sum;
}

bool Memory::grow(const Lengths& lengths) {
  bool moved = false;
  for (const TensorSpec& spec : specs_) {
    if (spec.shares) continue;
    const std::size_t bytes = times(place_of(spec, lengths, nullptr).row_bytes, rows_);
    const auto found = flat_.find(spec.name);
    if (found != flat_.end() && found->second.bytes() >= bytes) continue;
    flat_.insert_or_assign(spec.name, Aligned(bytes));
    moved = true;
  }
  return moved;
}

std::map<std::string, Place> Memory::places(const Lengths& lengths) const {
  std::map<std::string, Place> made;
  for (const TensorSpec& spec : specs_)
    made.emplace(spec.name, place_of(spec, lengths, flat_.at(spec.shares.value_or(spec.name)).data()));
  return made;
}

ExitMemory::ExitMemory(std::int64_t classes, std::int64_t rows) : specs_(exit_specs(classes)) {
  for (const TensorSpec& spec : specs_) flat_.emplace_back(times(place_of(spec, {}, nullptr).row_bytes, rows));
}

Exit ExitMemory::exit() const {
  return {reinterpret_cast<const float*>(flat_[0].data()), reinterpret_cast<const float*>(flat_[1].data()),
          reinterpret_cast<const std::int64_t*>(flat_[2].data())};
}

std::vector<Place> ExitMemory::places() const {
  std::vector<Place> made;
  for (std::size_t i = 0; i < specs_.size(); ++i) made.push_back(place_of(specs_[i], {}, flat_[i].data()));
  return made;
}

DynamicAxes::DynamicAxes(const Manifest& manifest) {
  for (std::size_t input = 0; input < manifest.inputs.size(); ++input) {
    const auto& shape = manifest.inputs[input].tensor.shape;
    for (std::size_t at = 0; at < shape.size(); ++at)
      if (const auto* axis = std::get_if<std::string>(&shape[at])) places_.emplace_back(*axis, input, at);
  }
  for (const auto& [name, axis] : manifest.axes) shortest_[name] = axis.min;
}

Lengths DynamicAxes::lengths(const Inputs& inputs) const {
  Lengths found;
  for (const auto& [axis, input, at] : places_) found[axis] = inputs[input].shape[at];
  return found;
}

ValuePtr wrap(const OrtApi& api, Dtype dtype, const Sizes& shape, std::int64_t rows, void* data) {
  Sizes whole = {rows};
  whole.insert(whole.end(), shape.begin(), shape.end());
  const auto bytes = static_cast<std::size_t>(count_of(whole) * dtype_bytes(dtype));
  auto info = make<MemoryInfoPtr>(api, api.CreateCpuMemoryInfo, OrtDeviceAllocator, OrtMemTypeDefault);
  return make<ValuePtr>(api, api.CreateTensorWithDataAsOrtValue, static_cast<const OrtMemoryInfo*>(info.get()), data, bytes,
                        static_cast<const std::int64_t*>(whole.data()), whole.size(), element_type(dtype));
}

}  // namespace eeinfer::ort
