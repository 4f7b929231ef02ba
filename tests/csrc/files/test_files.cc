#include "files/files.h"

#include <doctest/doctest.h>

#include <fstream>

using namespace eeinfer;
namespace fs = std::filesystem;

namespace {

struct File {
  explicit File(std::size_t bytes) : path(fs::temp_directory_path() / "eeinfer-test-files"), content(bytes, '\0') {
    for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<char>(i * 31 + i / 251);
    std::ofstream(path, std::ios::binary) << content;
  }
  ~File() { fs::remove(path); }

  fs::path path;
  std::string content;
};

constexpr std::size_t kPiece = std::size_t{1} << 18;
constexpr std::size_t kSizes[] = {0, 1, 63, 4096, kPiece - 1, kPiece, kPiece + 1, 3 * kPiece + 5};

}  // namespace

TEST_CASE("a file is read whole, whatever its size, up to the most that is allowed") {
  for (const std::size_t size : kSizes) {
    const File file(size);
    CHECK(read_small(file.path, size) == file.content);
    CHECK(read_small(file.path, std::size_t{1} << 24) == file.content);
    if (size > 0) CHECK_THROWS_AS(read_small(file.path, size - 1), Unreadable);
  }
}

TEST_CASE("a file is shown in pieces that are together what it holds") {
  for (const std::size_t size : kSizes) {
    const File file(size);
    std::string seen;
    read_pieces(file.path, [&](const char* data, std::size_t bytes) { seen.append(data, bytes); });
    CHECK(seen == file.content);
  }
}

TEST_CASE("what says that it has no bytes, as files of the system do, is read to its end") {
  if (!fs::exists("/proc/self/status")) return;
  CHECK(read_small("/proc/self/status", 1 << 20).find("Threads:") != std::string::npos);
}
