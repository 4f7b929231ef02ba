// What `eeinfer tune` found out about one bundle on this machine: kept in its cache, never in the bundle.
#ifndef EEINFER_MACHINE_PROFILE_H
#define EEINFER_MACHINE_PROFILE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eeinfer/bundle.h"
#include "eeinfer/machine/row_costs.h"

namespace eeinfer {

// How to run one bundle on this machine.
struct Profile {
  std::string threads;  // the quickest setting that leaves the rest of the process alone
  std::string process;  // the quickest of all, for a process that does nothing else
  std::vector<std::int64_t> sizes;
  std::vector<std::vector<double>> segment_ms;
  double move_ms = 0;
  double bytes_per_ms = 1;

  // The table that decides when rows that left are taken out of a batch.
  RowCosts costs(std::vector<std::int64_t> alive_bytes) const;
};

// The profile of `bundle` under this version of ONNX Runtime, such as "1.32.0", and as many cores as are open now; nothing
// where there is none, or none that can be read.
std::optional<Profile> find_profile(const Bundle& bundle, const std::string& onnxruntime_version);

}  // namespace eeinfer

#endif
