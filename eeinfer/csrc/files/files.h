// Reading files that anybody may have put there, and writing none.
#ifndef EEINFER_FILES_FILES_H
#define EEINFER_FILES_FILES_H

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace eeinfer {

// A file that cannot be read, with the reason alone as its text.
struct Unreadable : std::runtime_error {
  Unreadable(const std::string& reason, bool missing) : std::runtime_error(reason), is_missing(missing) {}
  bool is_missing;  // there is none at all
};

// The content of a file. Throws Unreadable: also where it is a folder, a pipe or a device, or has more than `most_bytes`.
std::string read_small(const std::filesystem::path& path, std::size_t most_bytes);

// Show the content of a file bit by bit. Throws Unreadable.
void read_pieces(const std::filesystem::path& path, const std::function<void(const char*, std::size_t)>& show);

// The size of a plain file, links followed; nothing where there is none.
std::optional<std::int64_t> plain_size(const std::filesystem::path& path);

// The names in a folder; none where it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& folder);

}  // namespace eeinfer

#endif
