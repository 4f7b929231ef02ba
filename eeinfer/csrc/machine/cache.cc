#include "machine/cache.h"

#include <cstdlib>

#ifndef _WIN32
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "eeinfer/files/sha256.h"
#include "files/text.h"

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyDigits = 32;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

#ifdef _WIN32

bool is_trusted(const fs::path&) { return true; }

fs::path home() { return fs::u8path(variable("USERPROFILE")); }

fs::path user_cache() {
  const std::string local = variable("LOCALAPPDATA");
  return local.empty() ? fs::path() : fs::u8path(local) / "eeinfer" / "Cache";
}

#else

// Whether nobody but this user, and root, may put something into `folder`; one that is not there yet is ours.
bool is_trusted(const fs::path& folder) {
  struct stat found;
  if (::stat(folder.c_str(), &found) != 0) return true;
  return (found.st_uid == ::geteuid() || found.st_uid == 0) && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

fs::path home() {
  const std::string named = variable("HOME");
  if (!named.empty()) return named;
  const passwd* entry = ::getpwuid(::getuid());
  return entry == nullptr || entry->pw_dir == nullptr ? fs::path() : fs::path(entry->pw_dir);
}

fs::path user_cache() {
#ifdef __APPLE__
  const fs::path around = home().empty() ? fs::path() : home() / "Library" / "Caches";
#else
  const std::string named = variable("XDG_CACHE_HOME");
  const bool blank = named.find_first_not_of(" \t\r\n\v\f") == std::string::npos;
  const fs::path around = !blank ? fs::path(named) : home().empty() ? fs::path() : home() / ".cache";
#endif
  return around.is_absolute() ? around / "eeinfer" : fs::path();
}

#endif

// `named` with a leading ~ as the home folder.
fs::path expanded(const std::string& named) {
  if (named != "~" && named.rfind("~/", 0) != 0) return fs::u8path(named);
  return named.size() > 2 ? home() / fs::u8path(named.substr(2)) : home();
}

}  // namespace

std::optional<fs::path> cache_place(const std::string& kind, const std::string& name) {
  const std::string named = variable("EEINFER_CACHE");
  if (named == "off") return std::nullopt;
  const fs::path folder = named.empty() ? user_cache() : expanded(named);
  if (folder.empty() || !is_trusted(folder) || !is_trusted(folder / kind)) return std::nullopt;
  return folder / kind / name;
}

std::string cache_key(const std::vector<std::string>& facts) {
  const std::string text = joined(facts, "\n");
  return sha256_of(text.data(), text.size()).substr(0, kKeyDigits);
}

}  // namespace eeinfer
