#include "files/stamp.h"

#ifndef _WIN32
#include <sys/stat.h>
#endif

namespace eeinfer {
namespace {

namespace fs = std::filesystem;
using Facts = std::array<std::int64_t, 3>;

constexpr Facts kMissing{-1, -1, -1};

#ifdef _WIN32

Facts facts_of(const fs::path& path) {
  std::error_code error, no_size;
  const auto time = fs::last_write_time(path, error);
  if (error) return kMissing;
  const std::uintmax_t size = fs::file_size(path, no_size);
  return {no_size ? 0 : static_cast<std::int64_t>(size), time.time_since_epoch().count(), 0};
}

#else

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

Facts facts_of(const fs::path& path) {
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) return kMissing;
#ifdef __APPLE__
  return {found.st_size, nanoseconds(found.st_mtimespec), nanoseconds(found.st_ctimespec)};
#else
  return {found.st_size, nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)};
#endif
}

#endif

}  // namespace

Stamp stamp(const fs::path& folder, const std::vector<std::string>& names) {
  Stamp facts{facts_of(folder)};
  for (const std::string& name : names) facts.push_back(facts_of(folder / fs::u8path(name)));
  return facts;
}

}  // namespace eeinfer
