#include "eeinfer/error.h"
#include "eeinfer/manifest.h"
#include "files/text.h"

namespace eeinfer {

std::vector<std::int64_t> TensorSpec::sizes(const Lengths& lengths) const {
  std::vector<std::int64_t> found;
  for (const Size& size : shape) {
    if (const auto* number = std::get_if<std::int64_t>(&size)) {
      found.push_back(*number);
      continue;
    }
    const std::string& axis = std::get<std::string>(size);
    const auto length = lengths.find(axis);
    if (length == lengths.end()) {
      throw BundleError(in_quotes(name) + " has the dynamic axis " + in_quotes(axis) +
                        "; give an input that says how long it is");
    }
    found.push_back(length->second);
  }
  return found;
}

bool operator==(const TensorSpec& one, const TensorSpec& other) {
  return one.name == other.name && one.dtype == other.dtype && one.shape == other.shape && one.shares == other.shares;
}

bool operator!=(const TensorSpec& one, const TensorSpec& other) { return !(one == other); }

void Files::add(std::string name, FileHash file) {
  places_.emplace(name, entries_.size());
  entries_.emplace_back(std::move(name), std::move(file));
}

const FileHash* Files::find(const std::string& name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &entries_[place->second].second;
}

}  // namespace eeinfer
