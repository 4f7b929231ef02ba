#include "eeinfer/layout.h"

#include <limits>
#include <map>
#include <set>

namespace eeinfer {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t product(std::int64_t one, std::int64_t other) {
  if (other <= 0) return 0;  // bounds that are refused
  return one > kMost / other ? kMost : one * other;
}

}  // namespace

std::int64_t bytes_per_sample(const TensorSpec& spec, const Axes& axes) {
  std::int64_t bytes = dtype_bytes(spec.dtype);
  for (const std::int64_t size : spec.sizes(longest(axes))) bytes = product(bytes, size);
  return bytes;
}

Lengths longest(const Axes& axes) {
  Lengths lengths;
  for (const auto& [name, axis] : axes) lengths[name] = axis.max;
  return lengths;
}

std::vector<TensorSpec> exit_specs(std::int64_t classes) {
  return {
      {kExitOutputs[0], Dtype::float32, {classes}, std::nullopt},
      {kExitOutputs[1], Dtype::float32, {}, std::nullopt},
      {kExitOutputs[2], Dtype::int64, {}, std::nullopt},
  };
}

std::vector<std::vector<std::string>> last_reads(const Manifest& manifest) {
  std::vector<std::string> order;
  std::map<std::string, std::size_t> last;
  const auto note = [&](const std::vector<TensorSpec>& specs, std::size_t segment) {
    for (const TensorSpec& spec : specs) {
      if (last.count(spec.name) == 0) order.push_back(spec.name);
      last[spec.name] = segment;
    }
  };
  for (std::size_t k = 0; k < manifest.segments.size(); ++k) {
    note(manifest.segments[k].carried, k);
    note(manifest.segments[k].inputs, k);
  }
  std::vector<std::vector<std::string>> reads(manifest.segments.size());
  for (const std::string& name : order) reads[last[name]].push_back(name);
  return reads;
}

std::vector<std::vector<TensorSpec>> alive(const Manifest& manifest) {
  const std::size_t segments = manifest.segments.size();
  std::vector<std::set<std::string>> read_later(segments);
  for (std::size_t k = segments; k-- > 1;) {
    read_later[k - 1] = read_later[k];
    for (const TensorSpec& spec : manifest.segments[k].inputs) read_later[k - 1].insert(spec.name);
  }
  std::vector<TensorSpec> made;
  for (const Input& input : manifest.inputs) made.push_back(input.tensor);
  std::vector<std::vector<TensorSpec>> crossing(segments);
  for (std::size_t k = 0; k < segments; ++k) {
    const std::vector<TensorSpec>& carried = manifest.segments[k].carried;
    made.insert(made.end(), carried.begin(), carried.end());
    for (const TensorSpec& spec : made) {
      if (read_later[k].count(spec.name) != 0) crossing[k].push_back(spec);
    }
  }
  return crossing;
}

std::vector<std::int64_t> bytes_in_front(const Manifest& manifest) {
  std::vector<std::int64_t> bytes{0};
  const auto behind = alive(manifest);
  for (std::size_t k = 0; k + 1 < behind.size(); ++k) {
    std::int64_t sum = 0;
    for (const TensorSpec& spec : behind[k]) sum += bytes_per_sample(spec, manifest.axes);
    bytes.push_back(sum);
  }
  return bytes;
}

}  // namespace eeinfer
