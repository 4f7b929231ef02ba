#include "bundle/chain.h"

#include <algorithm>
#include <map>
#include <set>

#include "bundle/inputs.h"
#include "bundle/records.h"
#include "eeinfer/layout.h"
#include "files/text.h"

namespace eeinfer {
namespace {

using Known = std::map<std::string, const TensorSpec*>;

void check_reads(const Segment& segment, const Known& known) {
  if (segment.inputs.empty()) throw Problem("reads nothing");
  std::set<std::string> names;
  for (const TensorSpec& spec : segment.inputs) {
    if (!names.insert(spec.name).second) throw Problem("reads one tensor twice");
  }
  for (const TensorSpec& spec : segment.inputs) {
    const auto made = known.find(spec.name);
    if (made == known.end()) throw Problem("reads " + in_quotes(spec.name) + ", which no earlier segment makes");
    if (spec != *made->second) {
      throw Problem("reads " + text_of(spec) + ", but it is made as " + text_of(*made->second));
    }
    if (spec.shares) throw Problem("reads " + in_quotes(spec.name) + ", which " + in_quotes(*spec.shares) + " overwrites");
  }
}

bool is_taken(const std::string& name, const Known& known, const Known& made) {
  const bool answer = std::find(std::begin(kExitOutputs), std::end(kExitOutputs), name) != std::end(kExitOutputs);
  return answer || known.count(name) != 0 || made.count(name) != 0;
}

// Whether a tensor may lie in the memory of another one: made before it, alike, and in memory of its own.
bool can_share(const TensorSpec& spec, const Known& made) {
  const auto owner = made.find(*spec.shares);
  if (owner == made.end()) return false;
  const TensorSpec& other = *owner->second;
  return !other.shares && other.dtype == spec.dtype && other.shape == spec.shape;
}

void check_carried(const Segment& segment, const Known& known, const Axes& axes) {
  Known made;
  for (const TensorSpec& spec : segment.carried) {
    if (is_taken(spec.name, known, made)) throw Problem("carries " + in_quotes(spec.name) + ", a name that is taken");
    try {
      check_tensor(spec, axes);
    } catch (const Problem& problem) {
      throw Problem(std::string("carries ") + problem.what());
    }
    if (spec.shares && !can_share(spec, made)) {
      throw Problem("carries " + text_of(spec) + ", which has nothing like it to share memory with");
    }
    made[spec.name] = &spec;
  }
}

}  // namespace

void check_chain(const Manifest& manifest) {
  Known known;
  for (const Input& input : manifest.inputs) known[input.tensor.name] = &input.tensor;
  for (std::size_t k = 0; k < manifest.segments.size(); ++k) {
    const Segment& segment = manifest.segments[k];
    try {
      check_reads(segment, known);
      check_carried(segment, known, manifest.axes);
    } catch (const Problem& problem) {
      throw Problem("segment " + std::to_string(k) + " (" + segment.file + ") " + problem.what());
    }
    for (const TensorSpec& spec : segment.carried) known[spec.name] = &spec;
  }
}

}  // namespace eeinfer
