#include "files/links.h"

#include <algorithm>
#include <deque>

#include "eeinfer/error.h"
#include "files/text.h"

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // on the way to one file, as on Linux

bool is_link(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error));
}

// Where the files of a hub's cache lie, seen from a folder in it; empty where the folder is in none.
//
// Such a cache is models--NAME/{blobs/HASH, snapshots/REVISION/...}, the snapshot's files being links into blobs.
fs::path blobs_of(const fs::path& folder) {
  for (fs::path at = folder.parent_path(); at.has_relative_path(); at = at.parent_path()) {
    const std::string around = at.parent_path().filename().u8string();
    if (at.filename() == "snapshots" && around.rfind("models--", 0) == 0) return at.parent_path() / "blobs";
  }
  return {};
}

}  // namespace

fs::path real_path(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  fs::path real = whole.root_path();
  std::deque<fs::path> ahead;
  for (const fs::path& part : whole.relative_path()) ahead.push_back(part);
  for (int links = 0; !ahead.empty();) {
    const fs::path part = ahead.front();
    ahead.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      real = real.parent_path();
      continue;
    }
    if (!is_link(real / part) || links >= kMostLinks) {
      real /= part;
      continue;
    }
    ++links;
    const fs::path target = fs::read_symlink(real / part, error);
    if (target.is_absolute()) real = target.root_path();
    const fs::path relative = target.relative_path();
    std::deque<fs::path> more(relative.begin(), relative.end());
    ahead.insert(ahead.begin(), more.begin(), more.end());
  }
  return real;
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  static_cast<void>(rest);
  return end == folder.end();
}

void check_links(const fs::path& folder, const std::vector<std::string>& names) {
  const fs::path home = real_path(folder), blobs = blobs_of(home);
  std::vector<std::string> leaving, refused;
  for (const std::string& name : names) {
    if (!is_link(folder / name)) continue;
    const fs::path real = real_path(folder / name);
    if (lies_in(real, home)) continue;
    leaving.push_back(name);
    if (blobs.empty() || real.parent_path() != blobs) refused.push_back(name);
  }
  if (refused.empty() && leaving.size() < names.size()) refused = leaving;
  if (refused.empty()) return;
  const std::string text = text_of(folder);
  throw BundleError(text + ": " + refused[0] + " is a link that leaves the bundle; copy the files with: cp -rL " + text +
                    " copy.eeb");
}

}  // namespace eeinfer
