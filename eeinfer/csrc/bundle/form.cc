#include "eeinfer/form.h"

#include <algorithm>

#include "bundle/checks.h"
#include "bundle/content.h"
#include "bundle/contents.h"
#include "bundle/form_record.h"
#include "eeinfer/error.h"
#include "eeinfer/files/crc32.h"
#include "eeinfer/machine/cores.h"
#include "files/files.h"
#include "files/links.h"
#include "files/text.h"
#include "machine/cache.h"

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

std::uint32_t sum_of(const fs::path& path) {
  std::uint32_t sum = 0;
  read_pieces(path, [&](const char* data, std::size_t bytes) { sum = crc32(sum, data, bytes); });
  return sum;
}

void check_sum(const fs::path& folder, const std::string& name, std::int64_t sum) {
  try {
    if (sum_of(folder / name) == sum) return;
  } catch (const Unreadable& error) {
    throw BundleError(text_of(folder / name) + " cannot be read: " + error.what());
  }
  throw BundleError(text_of(folder) + ": " + name + " is not what was written there");
}

bool is_segment(const Manifest& manifest, const std::string& name) {
  const auto& segments = manifest.segments;
  return std::any_of(segments.begin(), segments.end(), [&](const Segment& segment) { return segment.file == name; });
}

void check_sums_are_there(const fs::path& folder, const FormRecord& form) {
  bool all = form.sums.size() == form.files.size();
  for (const auto& [name, file] : form.files) all = all && form.sums.count(name) != 0;
  if (!all) throw BundleError(text_of(folder) + " has files without a sum");
}

// What lies in the machine's cache can only be written by this user: those graphs are not looked into.
bool is_inside(const Bundle& bundle, const fs::path& place) { return lies_in(place, bundle.path()); }

}  // namespace

std::string form_key(const Bundle& bundle, const std::string& onnxruntime_version) {
  return key_of(bundle.fingerprint(), onnxruntime_version, kForm, instruction_sets());
}

std::vector<fs::path> form_places(const Bundle& bundle, const std::string& onnxruntime_version) {
  const std::string key = form_key(bundle, onnxruntime_version);
  std::vector<fs::path> places{bundle.path() / "engines" / ("onnxruntime-" + key)};
  if (const auto kept = cache_place("optimised", key)) places.push_back(*kept);
  std::vector<fs::path> there;
  for (const fs::path& place : places) {
    std::error_code error;
    if (fs::is_directory(place, error)) there.push_back(place);
  }
  return there;
}

Bundle open_form(const Bundle& bundle, const fs::path& place, const std::string& onnxruntime_version, bool verify) {
  Bundle::Content content;
  content.path = place;
  content.fingerprint = bundle.fingerprint();
  content.record = read_form_record(place);
  FormRecord form = parse_form_record(content.record, place);
  check_sums_are_there(place, form);
  if (form.key != form_key(bundle, onnxruntime_version)) {
    throw BundleError(text_of(place) + " was made from or for something else");
  }
  content.manifest = bundle.manifest();
  content.manifest.segments = std::move(form.segments);
  content.manifest.files = std::move(form.files);
  content.sums = std::move(form.sums);
  check_manifest(content.manifest, text_of(place));
  check_files(place, content.manifest,
              is_inside(bundle, place) ? std::optional(Domains::optimised) : std::nullopt);
  Bundle opened(std::make_shared<const Bundle::Content>(std::move(content)));
  if (verify) check_graph_sums(opened), check_other_sums(opened);
  return opened;
}

void check_graph_sums(const Bundle& form) {
  for (const auto& [name, sum] : form.content().sums)
    if (is_segment(form.manifest(), name)) check_sum(form.path(), name, sum);
}

void check_other_sums(const Bundle& form) {
  for (const auto& [name, sum] : form.content().sums)
    if (!is_segment(form.manifest(), name)) check_sum(form.path(), name, sum);
}

std::optional<Bundle> find_form(const Bundle& bundle, const std::string& onnxruntime_version, bool verify) {
  for (const fs::path& place : form_places(bundle, onnxruntime_version)) {
    try {
      return open_form(bundle, place, onnxruntime_version, verify);
    } catch (const std::exception&) {  // a form never makes opening fail: the next one, or the bundle's own segments
    }
  }
  return std::nullopt;
}

}  // namespace eeinfer
