// What an engine keeps and where: what exits answer, which tensors are alive behind a segment, what they occupy.
#ifndef EEINFER_LAYOUT_H
#define EEINFER_LAYOUT_H

#include <cstdint>
#include <string>
#include <vector>

#include "eeinfer/manifest.h"

namespace eeinfer {

constexpr const char* kExitOutputs[] = {"logits", "score", "prediction"};

// Bytes of one row of a tensor, its dynamic axes at their longest; the largest int64 where there are more.
std::int64_t bytes_per_sample(const TensorSpec& spec, const Axes& axes = {});

// The size of every dynamic axis that needs the most memory.
Lengths longest(const Axes& axes);

// What every exit answers, in the order of kExitOutputs.
std::vector<TensorSpec> exit_specs(std::int64_t classes);

// Per segment, the tensors that nobody reads after it has run.
std::vector<std::vector<std::string>> last_reads(const Manifest& manifest);

// Per segment, the tensors that have to be kept when it has run, because a later one reads them, in the order in which
// they were made. That is more than it carries: a tensor of an earlier segment may pass by unread.
std::vector<std::vector<TensorSpec>> alive(const Manifest& manifest);

// Per segment, the bytes of a row that are kept when the one before it has run, at the longest axes.
std::vector<std::int64_t> bytes_in_front(const Manifest& manifest);

}  // namespace eeinfer

#endif
