#include "eeinfer/manifest.h"

#include <filesystem>

#include "bundle/checks.h"
#include "bundle/records.h"
#include "bundle/reports.h"
#include "eeinfer/error.h"
#include "eeinfer/files/sha256.h"
#include "files/text.h"
#include "json/fault.h"

namespace eeinfer {
namespace {

using json::Node;
using json::Record;

constexpr int kFirstWithChecksum = 3;  // of the format versions
constexpr std::string_view kMark = "\"checksum\": \"";
constexpr std::size_t kDigits = 64;

struct Read {
  Manifest manifest;
  Reports reports;
  std::string checksum;
};

// The checksum that a manifest of these bytes has to state: its SHA-256 with the digits of the checksum as zeros.
std::string checksum_of(std::string_view bytes) {
  const std::size_t mark = bytes.find(kMark);
  const std::size_t start = mark + kMark.size();
  Sha256 digest;
  if (mark == std::string_view::npos || bytes.size() < start + kDigits) {
    digest.update(bytes.data(), bytes.size());
    return digest.hex();
  }
  const std::string zeros(kDigits, '0');
  digest.update(bytes.data(), start);
  digest.update(zeros.data(), kDigits);
  digest.update(bytes.data() + start + kDigits, bytes.size() - start - kDigits);
  return digest.hex();
}

double number(const Node& node) { return node.number(); }
std::string text(const Node& node) { return node.text(); }
std::int64_t whole(const Node& node) { return node.whole(); }

std::string text_or(const Record& record, const char* name, const std::string& otherwise) {
  const auto node = record.given(name);
  return node ? node->text() : otherwise;
}

Preprocess read_preprocess(const Node& node) {
  const Record record(node, {"resize", "interpolation", "mean", "std"});
  Preprocess rule;
  if (const auto resize = record.given("resize")) rule.resize = resize->unless_null(whole);
  rule.interpolation = text_or(record, "interpolation", "bilinear");
  rule.mean = record.needed("mean").each(number);
  rule.std = record.needed("std").each(number);
  return rule;
}

Input read_input(const Node& node, TensorWords words) {
  const Record record(node, {"tensor", "preprocess"});
  Input input{read_tensor(record.needed("tensor"), words), std::nullopt};
  if (const auto rule = record.given("preprocess")) input.preprocess = rule->unless_null(read_preprocess);
  return input;
}

Axes read_axes(const Node& node) {
  Axes axes;
  for (const auto& [name, bounds] : node.members()) {
    const Record record(bounds, {"min", "max"});
    axes[name] = {record.needed("min").whole(), record.needed("max").whole()};
    }
  return axes;
}

Flops read_flops(const Node& node) {
  const Record record(node, {"convention", "static", "uncounted"});
  Flops flops{record.needed("convention").text(), record.needed("static").whole()};
  for (const auto& [name, count] : record.needed("uncounted").members()) count.whole();
  return flops;
}

// The fields that differ between the formats.
void read_inputs(const Record& record, Read& read) {
  Manifest& manifest = read.manifest;
  if (manifest.format_version < kFirstWithChecksum) {
    manifest.inputs = {read_input(record.needed("input"), TensorWords::earlier)};
    return;
  }
  read.checksum = text_or(record, "checksum", "");
  manifest.inputs =
      record.needed("inputs").each([](const Node& node) { return read_input(node, TensorWords::newest); });
  if (const auto axes = record.given("axes")) manifest.axes = read_axes(*axes);
  if (const auto certificate = record.given("certificate")) {
    read.reports.certificate = certificate->unless_null(read_certificate);
  }
}

Record fields_of(const Node& node, int version) {
  if (version < kFirstWithChecksum) {
    return {node, {"format_version", "name", "input", "classes", "score", "taus", "segments", "flops", "parity",
                   "precision", "device", "shift", "provenance", "files"}};
  }
  return {node, {"format_version", "checksum", "name", "inputs", "axes", "classes", "score", "taus", "segments", "flops",
                 "parity", "precision", "device", "shift", "certificate", "provenance", "files"}};
}

std::vector<Segment> read_segments(const Node& node, TensorWords words) {
  std::vector<Segment> segments;
  for (const Node& segment : node.list()) {
    try {
      segments.push_back(read_segment(segment, words));
    } catch (const Problem& problem) {
      throw Problem("segment " + std::to_string(segments.size()) + " " + problem.what());
    }
  }
  return segments;
}

Read read_manifest(const Node& node, int version) {
  const TensorWords words = version < kFirstWithChecksum ? TensorWords::earlier : TensorWords::newest;
  const Record record = fields_of(node, version);
  Read read;
  Manifest& manifest = read.manifest;
  manifest.format_version = version;
  read_inputs(record, read);
  manifest.name = record.needed("name").text();
  manifest.classes = record.needed("classes").each(text);
  manifest.score = record.needed("score").text();
  manifest.taus = record.needed("taus").each(number);
  manifest.segments = read_segments(record.needed("segments"), words);
  manifest.flops = read_flops(record.needed("flops"));
  manifest.precision = text_or(record, "precision", "fp32");
  if (const auto device = record.given("device")) manifest.device = device->unless_null(text);
  manifest.files = read_files(record.needed("files"));
  read.reports.parity = read_parity(record.needed("parity"), manifest.tolerance);
  if (const auto shift = record.given("shift")) read.reports.shift = shift->unless_null(read_shift);
  record.needed("provenance").object();
  return read;
}

int read_version(const json::Value& root, const std::string& path) {
  const auto node = Node(root, "$").field("format_version");
  if (!node) throw json::Mismatch("Object missing required field `format_version`");
  const std::int64_t version = node->whole();
  if (version >= kOldestVersion && version <= kFormatVersion) return static_cast<int>(version);
  throw BundleError(path + " has format version " + std::to_string(version) + ", this eeinfer reads versions " +
                    std::to_string(kOldestVersion) + " to " + std::to_string(kFormatVersion) + "; " +
                    (version > kFormatVersion ? "get a newer one with: pip install --upgrade eeinfer"
                                              : "export the checkpoint again"));
}

// Read the fields, and look whether they are those that were written before anything that they say is judged.
Read decode(std::string_view bytes, const std::string& path) {
  const json::Parsed parsed = json::parse(bytes);
  const int version = read_version(parsed.root, path);
  if (parsed.fault) throw json::Fault("it " + *parsed.fault);
  const auto check_sum = [&](const std::string& stated) {
    if (version < kFirstWithChecksum || stated == checksum_of(bytes)) return;
    throw BundleError(path + " was altered, its checksum is not the one it states; copy the bundle again");
  };
  const Node root(parsed.root, "$");
  try {
    Read read = read_manifest(root, version);
    check_sum(read.checksum);
    return read;
  } catch (const Problem&) {
    const auto stated = root.field("checksum");
    check_sum(stated ? stated->text() : "");
    throw;
  }
}

}  // namespace

Manifest parse_manifest(std::string_view bytes, const std::string& path) {
  const std::string folder = text_of(std::filesystem::u8path(path).parent_path());
  try {
    Read read = decode(bytes, path);
    check_manifest(read.manifest, read.reports, folder);
    return std::move(read.manifest);
  } catch (const json::Mismatch& error) {
    throw BundleError(path + " is not a manifest of format " + std::to_string(kFormatVersion) + ": " + error.what() +
                      "; export it again");
  } catch (const json::Fault& error) {
    throw BundleError(path + " is truncated or not JSON: " + error.what() + "; copy the bundle again");
  } catch (const Problem& problem) {
    throw BundleError(folder + ": " + problem.what() + "; export it again");
  }
}

}  // namespace eeinfer
