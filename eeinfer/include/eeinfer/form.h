// The optimised form of a bundle: its segments as ONNX Runtime computes them on one kind of processor. Finding it; it is
// never made here, and whatever is wrong with one, the bundle's own segments run.
#ifndef EEINFER_FORM_H
#define EEINFER_FORM_H

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eeinfer/bundle.h"

namespace eeinfer {

// The number of the form that this reader knows; it counts up with what the maker does.
constexpr int kForm = 6;

// The name under which the form of `bundle` for this machine and a version of ONNX Runtime, such as "1.32.0", is kept.
std::string form_key(const Bundle& bundle, const std::string& onnxruntime_version);

// The folders in which a form of `bundle` for this machine lies, to be tried in this order: in the bundle, then in the
// machine's cache.
std::vector<std::filesystem::path> form_places(const Bundle& bundle, const std::string& onnxruntime_version);

// Read what lies at `place` as an optimised form of `bundle`: the same inputs and exits, with other segments and files. Its
// fingerprint is the bundle's; its `check_unchanged` looks whether another form has taken its place.
//
// verify: also compare every file with its CRC-32. Throws BundleError: it is damaged, or made from or for something else.
Bundle open_form(const Bundle& bundle, const std::filesystem::path& place, const std::string& onnxruntime_version,
                 bool verify = true);

// Compare files of a form with their CRC-32: the graphs of its segments, or all others, which are as large as the network.
// Throws BundleError: one is missing or damaged.
void check_graph_sums(const Bundle& form);
void check_other_sums(const Bundle& form);

// The first form that `open_form` takes; nothing where there is none.
std::optional<Bundle> find_form(const Bundle& bundle, const std::string& onnxruntime_version, bool verify = true);

}  // namespace eeinfer

#endif
