#include "bundle/contents.h"

#include <set>
#include <variant>

#include "eeinfer/error.h"
#include "eeinfer/layout.h"
#include "files/files.h"
#include "files/links.h"
#include "files/text.h"

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostManifestBytes = std::size_t{16} << 20;
constexpr std::size_t kMostGraphBytes = std::size_t{256} << 20;  // its weights lie elsewhere

std::string read_or_refuse(const fs::path& path, std::size_t most_bytes) {
  try {
    return read_small(path, most_bytes);
  } catch (const Unreadable& error) {
    throw BundleError(text_of(path) + " cannot be read: " + error.what() + "; copy the bundle again");
  }
}

// What is wrong with a reference to a file of the bundle; empty where nothing is.
std::string problem_of(const Reference& reference, const Files& files) {
  const FileHash* file = files.find(reference.location);
  if (file == nullptr) return "which the manifest does not list";
  if (reference.length && reference.offset + *reference.length <= file->bytes) return "";  // both below 10^18
  return "but does not say which of its " + std::to_string(file->bytes) + " bytes, or says others";
}

bool fits(const std::vector<std::optional<std::uint64_t>>& sizes, const TensorSpec& spec) {
  if (sizes.size() != spec.shape.size() + 1 || sizes[0]) return false;
  for (std::size_t i = 0; i < spec.shape.size(); ++i) {
    if (!sizes[i + 1]) continue;
    const auto* size = std::get_if<std::int64_t>(&spec.shape[i]);
    if (size == nullptr || static_cast<std::uint64_t>(*size) != *sizes[i + 1]) return false;
  }
  return true;
}

// Other shapes than the manifest's kill some versions of ONNX Runtime.
void check_shapes(const fs::path& folder, const std::string& name, std::string_view data,
                  const std::vector<TensorSpec>& specs) {
  for (const Declared& tensor : declared(data, text_of(folder / name)))
    for (const TensorSpec& spec : specs)
      if (spec.name == tensor.name && !fits(tensor.sizes, spec))
        throw BundleError(text_of(folder) + ": " + name + " has the tensor " + in_quotes(tensor.name) +
                          " in another shape than the manifest; export it again");
}

std::vector<TensorSpec> specs_of(const Segment& segment, const Manifest& manifest) {
  std::vector<TensorSpec> specs = segment.inputs;
  for (TensorSpec& spec : exit_specs(static_cast<std::int64_t>(manifest.classes.size()))) specs.push_back(std::move(spec));
  specs.insert(specs.end(), segment.carried.begin(), segment.carried.end());
  return specs;
}

void check_graph(const fs::path& folder, const std::string& name, const Files& files, const std::vector<TensorSpec>& specs,
                 Domains domains) {
  const fs::path path = folder / name;
  const std::string data = read_or_refuse(path, kMostGraphBytes);
  for (const Reference& reference : references(data, text_of(path), domains)) {
    const std::string problem = problem_of(reference, files);
    if (problem.empty()) continue;
    throw BundleError(text_of(folder) + ": " + name + " reads weights from " + in_quotes(reference.location) + ", " +
                      problem);
  }
  check_shapes(folder, name, data, specs);
}

void check_is_listed(const fs::path& folder, const std::string& name, const Files& files) {
  if (files.find(name) != nullptr) return;
  throw BundleError(text_of(folder) + ": the manifest has no hash for " + name + "; export it again");
}

}  // namespace

std::vector<std::string> names_of(const Files& files) {
  std::vector<std::string> names;
  for (const auto& [name, file] : files) names.push_back(name);
  return names;
}

std::string read_manifest_bytes(const fs::path& folder) {
  const std::string text = text_of(folder);
  std::error_code error;
  if (!fs::exists(folder, error)) {
    throw BundleError("no bundle at " + text + "; make one with: eeinfer export checkpoint.pt --out " + text);
  }
  if (!fs::is_directory(folder, error)) {
    throw BundleError(text + " is a file; a bundle is the folder that eeinfer export writes");
  }
  if (!fs::is_regular_file(folder / kManifestName, error)) {
    throw BundleError(text + " is not a bundle: it has no " + kManifestName + "; give the folder that export wrote");
  }
  check_links(folder, {kManifestName});
  return read_or_refuse(folder / kManifestName, kMostManifestBytes);
}

void check_files(const fs::path& folder, const Manifest& manifest, std::optional<Domains> domains) {
  check_links(folder, names_of(manifest.files));
  for (const auto& [name, file] : manifest.files) check_size(folder, name, file);
  check_is_listed(folder, kModelName, manifest.files);
  for (const Segment& segment : manifest.segments) check_is_listed(folder, segment.file, manifest.files);
  if (!domains) return;
  std::set<std::string> checked;
  for (const Segment& segment : manifest.segments) {
    if (checked.insert(segment.file).second) check_graph(folder, segment.file, manifest.files, specs_of(segment, manifest), *domains);
  }
}

void check_nothing_else(const fs::path& folder, const Manifest& manifest) {
  for (const std::string& name : names_in(folder)) {
    const bool known = name[0] == '.' || name == kManifestName || name == "engines";
    if (known || manifest.files.find(name) != nullptr) continue;
    throw BundleError(text_of(folder) + ": " + name + " is not listed in the manifest; move it out of the bundle");
  }
}

void check_size(const fs::path& folder, const std::string& name, const FileHash& expected) {
  const std::optional<std::int64_t> size = plain_size(folder / name);
  if (!size) throw BundleError(text_of(folder) + ": " + name + " is missing; copy the bundle again or export it again");
  if (*size == expected.bytes) return;
  throw BundleError(text_of(folder) + ": " + name + " has " + std::to_string(*size) + " bytes, the manifest says " +
                    std::to_string(expected.bytes) + "; copy it again");
}

}  // namespace eeinfer
