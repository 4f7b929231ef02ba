#include "bundle/form_record.h"

#include "bundle/records.h"
#include "eeinfer/error.h"
#include "files/files.h"
#include "files/text.h"
#include "json/fault.h"
#include "machine/cache.h"

namespace eeinfer {
namespace {

using json::Node;
using json::Record;

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr char kRecordName[] = "build.json";

std::string read_target(const Node& node) {
  const Record record(node, {"bundle", "library_version", "form", "instruction_sets"});
  const std::string bundle = record.needed("bundle").text(), version = record.needed("library_version").text();
  const auto form = record.given("form");
  if (!form) throw json::Mismatch("it does not say its form");
  const std::string key = key_of(bundle, version, form->whole(), record.needed("instruction_sets").text());
  return key;
}

std::map<std::string, std::int64_t> read_sums(const Node& node) {
  std::map<std::string, std::int64_t> sums;
  for (const auto& [name, sum] : node.members()) sums[name] = sum.whole();
  return sums;
}

FormRecord read(const Node& node) {
  const Record record(node,
                      {"format_version", "library", "target", "created", "segments", "files", "crc32"});
  const auto format = record.given("format_version");
  if (format && format->whole() != kFormat) throw json::Fault("it has another format version");
  const auto library = record.given("library");
  if (library && library->text() != "onnxruntime") throw json::Mismatch("it is of another library");
  FormRecord form;
  form.key = read_target(record.needed("target"));
  record.needed("created").text();
  form.segments = record.needed("segments").each(
      [](const Node& segment) { return read_segment(segment, TensorWords::newest); });
  form.files = read_files(record.needed("files"));
  form.sums = read_sums(record.needed("crc32"));
  return form;
}

}  // namespace

std::string read_form_record(const std::filesystem::path& folder) {
  try {
    return read_small(folder / kRecordName, kMostBytes);
  } catch (const Unreadable& error) {
    throw BundleError(text_of(folder) + " has no " + kRecordName + " that can be read: " + error.what());
  }
}

FormRecord parse_form_record(const std::string& bytes, const std::filesystem::path& folder) {
  try {
    const json::Parsed parsed = json::parse(bytes);
    if (parsed.fault) throw json::Fault("it " + *parsed.fault);
    return read(Node(parsed.root, "$"));
  } catch (const std::runtime_error& error) {
    throw BundleError(text_of(folder / kRecordName) + " is damaged: " + error.what());
  }
}

std::string key_of(const std::string& fingerprint, const std::string& library_version, std::int64_t form,
                   const std::string& instruction_sets) {
  return cache_key({fingerprint, "onnxruntime " + library_version, "form " + std::to_string(form), instruction_sets});
}

}  // namespace eeinfer
