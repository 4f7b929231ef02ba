// What the loop costs beyond the runs of its segments, and beside networks that are cut at its exits.
#ifndef EEINFER_TOOLS_OVERHEADS_H
#define EEINFER_TOOLS_OVERHEADS_H

#include <filesystem>

#include "network.h"
#include "report.h"

namespace eeinfer::tools {

struct Effort {
  double pairs = 1000;  // of calls, back to back
  double seconds = 5;   // after which ten pairs are enough
};

// Networks cut at each exit, and how their sessions are opened: as the segments are.
struct Cuts {
  std::filesystem::path folder;  // empty: none
  const ort::Environment& environment;
  ort::SessionSettings settings;
};

// Time one row leaving at each exit against the bare runs of its segments and, where the folder holds cut_00.onnx,
// cut_01.onnx, ..., against those. Tells of each on stderr; returns records as `Overhead` of the Python bench.
Json measure_overheads(OpenEngine& engine, const Cuts& cuts, const Effort& effort);

}  // namespace eeinfer::tools

#endif
