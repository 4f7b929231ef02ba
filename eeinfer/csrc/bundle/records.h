// The parts of a record that the manifest and the build.json of an optimised form have in common.
#ifndef EEINFER_BUNDLE_RECORDS_H
#define EEINFER_BUNDLE_RECORDS_H

#include <stdexcept>

#include "eeinfer/manifest.h"
#include "json/record.h"

namespace eeinfer {

// What does not hold together, as the rest of a sentence; who knows the place makes a BundleError of it.
struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// How tensors are described: by names of axes and a field `shares`, or, before format 3, by sizes and a name with `@`.
enum class TensorWords { newest, earlier };

// Each throws json::Mismatch, and Problem for a dtype that is none.
TensorSpec read_tensor(const json::Node& node, TensorWords words);
Segment read_segment(const json::Node& node, TensorWords words);
Files read_files(const json::Node& node);

// How messages describe a tensor.
std::string text_of(const TensorSpec& spec);

}  // namespace eeinfer

#endif
