// Whether a bundle was replaced while it was read: what the system says about its files before and after.
#ifndef EEINFER_FILES_STAMP_H
#define EEINFER_FILES_STAMP_H

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace eeinfer {

// Size, time of modification, time of change, for a folder and each of its files; -1 where there is none.
using Stamp = std::vector<std::array<std::int64_t, 3>>;

// What changes when `folder` is replaced, or a file in it is written, moved there or given another mode.
Stamp stamp(const std::filesystem::path& folder, const std::vector<std::string>& names);

}  // namespace eeinfer

#endif
