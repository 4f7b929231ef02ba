// Where links end, and whether that is inside a bundle.
#ifndef EEINFER_FILES_LINKS_H
#define EEINFER_FILES_LINKS_H

#include <filesystem>
#include <string>
#include <vector>

namespace eeinfer {

// `path` with all links followed as far as there are any; what is missing at the end, and a link that ends nowhere, stay.
std::filesystem::path real_path(const std::filesystem::path& path);

// Whether `path` is `folder` or lies below it, by their names alone.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

// Throws BundleError: one of the files is a link that leaves `folder`. Into a hub's cache all of them lead or none.
void check_links(const std::filesystem::path& folder, const std::vector<std::string>& names);

}  // namespace eeinfer

#endif
