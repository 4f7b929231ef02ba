#include "bundle/checks.h"

#include <algorithm>

#include "bundle/chain.h"
#include "bundle/inputs.h"
#include "bundle/records.h"
#include "eeinfer/error.h"
#include "files/text.h"

namespace eeinfer {
namespace {

constexpr std::size_t kMostExits = 1000;
constexpr std::int64_t kMostFlops = std::int64_t{1} << 62;
constexpr std::size_t kMostNameBytes = 128;
const char* const kPrecisions[] = {"fp32", "fp16", "bf16", "int8", "fp8"};
const char* const kDevices[] = {"cpu", "cuda"};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}, and none of the two names that mean something else.
bool is_file_name(const std::string& name) {
  if (name.empty() || name.size() > kMostNameBytes || !is_word(name[0])) return false;
  if (name == kManifestName || name == "engines") return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

void check_name(const std::string& name) {
  if (is_file_name(name)) return;
  throw Problem("the manifest names " + in_quotes(name) + "; only plain names of files in the bundle are allowed");
}

void check_names(const Manifest& manifest) {
  for (const auto& [name, file] : manifest.files) check_name(name);
  for (const Segment& segment : manifest.segments) check_name(segment.file);
  for (const auto& [name, file] : manifest.files) {
    if (!is_sha256(file.sha256)) throw Problem("the manifest has no SHA-256 for " + name);
  }
}

void check_counts(const Manifest& manifest, const Reports& reports) {
  const std::size_t exits = manifest.segments.size();
  const std::string for_exits = " for " + std::to_string(exits) + " exits";
  if (exits == 0) throw Problem("the manifest has no segments");
  if (exits > kMostExits) {
    throw Problem("the manifest has " + std::to_string(exits) + " segments, at most " + std::to_string(kMostExits) +
                  " are run");
  }
  if (manifest.classes.empty()) throw Problem("the manifest has no classes");
  if (manifest.taus.size() != exits) {
    throw Problem("the manifest has " + std::to_string(manifest.taus.size()) + " taus" + for_exits);
  }
  if (reports.parity.value_or(exits) != exits) {
    throw Problem("the parity report has " + std::to_string(*reports.parity) + " rows" + for_exits);
  }
}

void check_taus(const Manifest& manifest) {
  for (const double tau : manifest.taus) {
    if (!(tau >= 0 && tau <= 1)) throw Problem("the manifest has the tau " + number_text(tau) + ", outside [0, 1]");
  }
}

template <std::size_t count>
void check_known(const std::string& what, const std::string& value, const char* const (&known)[count]) {
  const std::vector<std::string> names(known, known + count);
  if (std::find(names.begin(), names.end(), value) != names.end()) return;
  throw Problem("the manifest has the " + what + " " + in_quotes(value) + ", known are " + joined(names));
}

void check_precision(const Manifest& manifest, const Reports& reports) {
  check_known("precision", manifest.precision, kPrecisions);
  if (manifest.device) check_known("device", *manifest.device, kDevices);
  const std::size_t exits = manifest.segments.size();
  if (reports.shift.value_or(exits) != exits) {
    throw Problem("the shift report has " + std::to_string(*reports.shift) + " rows for " + std::to_string(exits) +
                  " exits");
  }
}

void check_flops(const Manifest& manifest) {
  std::int64_t total = 0;
  for (std::size_t k = 0; k < manifest.segments.size(); ++k) {
    const Segment& segment = manifest.segments[k];
    if (segment.flops > kMostFlops - total) {  // before the sum is too large for an int64
      throw Problem("segment " + std::to_string(k) + " has " + std::to_string(segment.flops) +
                    " FLOPs, which is outside [0, " + std::to_string(kMostFlops) + "] with those before it");
    }
    total += segment.flops;
    if (segment.flops < 0 || segment.cumulative_flops != total) {
      throw Problem("segment " + std::to_string(k) + " has " + std::to_string(segment.cumulative_flops) +
                    " cumulative FLOPs where its parts sum to " + std::to_string(total));
    }
  }
  if (manifest.flops.static_network < 0 || manifest.flops.static_network > kMostFlops) {
    throw Problem("the network has " + std::to_string(manifest.flops.static_network) + " FLOPs, outside [0, " + std::to_string(kMostFlops) + "]");
  }
}

}  // namespace

void check_manifest(const Manifest& manifest, const Reports& reports, const std::string& where) {
  try {
    check_names(manifest);
    check_counts(manifest, reports);
    check_taus(manifest);
    check_precision(manifest, reports);
    if (reports.certificate) check_certificate(*reports.certificate, manifest.segments.size());
    check_inputs(manifest);
    check_chain(manifest);
    check_flops(manifest);
  } catch (const Problem& problem) {
    throw BundleError(where + ": " + problem.what() + "; export it again");
  }
}

void check_manifest(const Manifest& manifest, const std::string& where) { check_manifest(manifest, {}, where); }

}  // namespace eeinfer
