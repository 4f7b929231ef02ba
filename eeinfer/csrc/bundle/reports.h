// What a manifest says that no engine needs: it is as strict as the rest, and dropped.
#ifndef EEINFER_BUNDLE_REPORTS_H
#define EEINFER_BUNDLE_REPORTS_H

#include <cstddef>

#include "json/record.h"

namespace eeinfer {

// Each throws json::Mismatch and returns the number of rows, one per exit.
std::size_t read_parity(const json::Node& node, double& tolerance);
std::size_t read_shift(const json::Node& node);

}  // namespace eeinfer

#endif
