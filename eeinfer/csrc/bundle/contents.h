// Whether the files in a bundle's folder are those that the manifest vouches for, and read nothing else.
#ifndef EEINFER_BUNDLE_CONTENTS_H
#define EEINFER_BUNDLE_CONTENTS_H

#include <filesystem>
#include <optional>
#include <string>

#include "eeinfer/graph_walk.h"
#include "eeinfer/manifest.h"

namespace eeinfer {

// The bytes of the manifest in `folder`. Throws BundleError: there is no such folder, or it holds no manifest of its own
// that is a file of moderate size.
std::string read_manifest_bytes(const std::filesystem::path& folder);

// Throws BundleError: a file is missing, of another size or not vouched for, or a segment's graph is refused. domains:
// nothing where nobody but this user can have written the graphs, and they need no look.
void check_files(const std::filesystem::path& folder, const Manifest& manifest, std::optional<Domains> domains);

// Throws BundleError: there is a file that the manifest does not list, which is neither hidden nor a build.
void check_nothing_else(const std::filesystem::path& folder, const Manifest& manifest);

// Throws BundleError: the file is missing, no plain file or of another size.
void check_size(const std::filesystem::path& folder, const std::string& name, const FileHash& expected);

// The names of all files that the manifest lists.
std::vector<std::string> names_of(const Files& files);

}  // namespace eeinfer

#endif
