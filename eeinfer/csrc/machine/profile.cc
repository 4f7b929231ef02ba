#include "eeinfer/machine/profile.h"

#include <algorithm>

#include "eeinfer/error.h"
#include "eeinfer/machine/cores.h"
#include "eeinfer/machine/threads.h"
#include "files/files.h"
#include "json/fault.h"
#include "json/record.h"
#include "machine/cache.h"

namespace eeinfer {
namespace {

using json::Node;
using json::Record;

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMostBytes = std::size_t{1} << 20;

double number(const Node& node) { return node.number(); }
std::int64_t whole(const Node& node) { return node.whole(); }
std::vector<double> numbers(const Node& node) { return node.each(number); }

bool read_trial(const Node& node) {
  const Record record(node, {"threads", "ms", "ratio"});
  record.needed("threads").text();
  record.needed("ms").each(number);
  record.needed("ratio").number();
  return true;
}

Profile read_profile(const Node& node) {
  const Record record(node, {"version", "bundle", "threads", "process", "exits", "trials", "sizes", "segment_ms",
                             "move_ms", "bytes_per_ms", "created", "cores"});
  Profile profile;
  const auto version = record.given("version");
  if (version && version->whole() != kVersion) throw json::Fault("it has another version");
  for (const char* name : {"bundle", "created"}) record.needed(name).text();
  profile.threads = record.needed("threads").text();
  profile.process = record.needed("process").text();
  record.needed("exits").each(whole);
  record.needed("trials").each(read_trial);
  profile.sizes = record.needed("sizes").each(whole);
  profile.segment_ms = record.needed("segment_ms").each(numbers);
  profile.move_ms = record.needed("move_ms").number();
  profile.bytes_per_ms = record.needed("bytes_per_ms").number();
  record.needed("cores").whole();
  return profile;
}

bool is_ascending(const std::vector<std::int64_t>& sizes) {
  return !sizes.empty() && sizes[0] == 1 &&
         std::adjacent_find(sizes.begin(), sizes.end(), std::greater_equal<>()) == sizes.end();
}

void check(const Profile& profile, const Manifest& manifest) {
  std::vector<std::int64_t> flops;
  for (const Segment& segment : manifest.segments) flops.push_back(segment.flops);
  for (const std::string& setting : {profile.threads, profile.process}) {
    if (setting.empty() || (setting[0] >= '0' && setting[0] <= '9')) throw ConfigError("a setting without a mode");
    as_threads(setting, flops);
  }
  const auto fits = [&](const std::vector<double>& row) { return row.size() == profile.sizes.size(); };
  const bool all_fit = std::all_of(profile.segment_ms.begin(), profile.segment_ms.end(), fits);
  if (profile.segment_ms.size() != flops.size() || !all_fit || !is_ascending(profile.sizes) ||
      profile.bytes_per_ms <= 0) {
    throw ConfigError("its table of costs does not fit");
  }
}

}  // namespace

RowCosts Profile::costs(std::vector<std::int64_t> alive_bytes) const {
  return {sizes, segment_ms, std::move(alive_bytes), move_ms, bytes_per_ms};
}

std::optional<Profile> find_profile(const Bundle& bundle, const std::string& onnxruntime_version) {
  const std::string cores = std::to_string(physical_cores()) + " cores";
  const auto place = cache_place(
      "profile", cache_key({bundle.fingerprint(), "onnxruntime " + onnxruntime_version, cores, instruction_sets()}) +
                     ".json");
  if (!place) return std::nullopt;
  try {
    const json::Parsed parsed = json::parse(read_small(*place, kMostBytes));
    Profile profile = read_profile(Node(parsed.root, "$"));
    check(profile, bundle.manifest());
    return profile;
  } catch (const std::runtime_error&) {  // there is none, or a damaged one: then costs are guessed
    return std::nullopt;
  }
}

}  // namespace eeinfer
