#include "eeinfer/bundle.h"

#include "bundle/content.h"
#include "bundle/contents.h"
#include "bundle/form_record.h"
#include "eeinfer/error.h"
#include "eeinfer/files/sha256.h"
#include "files/files.h"
#include "files/text.h"

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

constexpr int kMoreTries = 3;  // where the bundle is replaced while it is opened
constexpr std::int64_t kSmallBytes = 8 << 20;

Stamp stamp_of(const fs::path& folder, const Manifest& manifest) {
  std::vector<std::string> names = names_of(manifest.files);
  names.insert(names.begin(), kManifestName);
  return stamp(folder, names);
}

std::string hash_file(const fs::path& path) {
  Sha256 digest;
  read_pieces(path, [&](const char* data, std::size_t bytes) { digest.update(data, bytes); });
  return digest.hex();
}

Bundle open_once(const fs::path& folder, const Stamp& before, bool verify) {
  Bundle::Content content;
  const std::string bytes = read_manifest_bytes(folder);
  content.path = folder;
  content.manifest = parse_manifest(bytes, text_of(folder / kManifestName));
  content.fingerprint = sha256_of(bytes.data(), bytes.size());
  const Stamp files = stamp(folder, names_of(content.manifest.files));
  content.seen = before;
  content.seen.insert(content.seen.end(), files.begin() + 1, files.end());
  check_files(folder, content.manifest, Domains::standard);
  check_nothing_else(folder, content.manifest);
  const Bundle bundle(std::make_shared<const Bundle::Content>(std::move(content)));
  if (verify) bundle.verify();
  bundle.check_unchanged();
  return bundle;
}

}  // namespace

Bundle Bundle::open(const fs::path& path, bool verify) {
  for (int tries = 0;; ++tries) {
    const Stamp before = stamp(path, {kManifestName});
    try {
      return open_once(path, before, verify);
    } catch (const BundleError&) {
      if (tries == kMoreTries || stamp(path, {kManifestName}) == before) throw;
    }
  }
}

Bundle::Bundle(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

const fs::path& Bundle::path() const noexcept { return content_->path; }

const Manifest& Bundle::manifest() const noexcept { return content_->manifest; }

const std::string& Bundle::fingerprint() const noexcept { return content_->fingerprint; }

fs::path Bundle::file(const std::string& name) const { return content_->path / fs::u8path(name); }

bool Bundle::is_small() const noexcept {
  std::int64_t sum = 0;
  for (const auto& [name, file] : manifest().files) sum += file.bytes;
  return sum < kSmallBytes;
}

void Bundle::verify() const {
  for (const auto& [name, expected] : manifest().files) {
    check_size(path(), name, expected);
    std::string found;
    try {
      found = hash_file(file(name));
    } catch (const Unreadable& error) {
      throw BundleError(text_of(path()) + ": " + name + " cannot be read: " + error.what() + "; copy it again");
    }
    if (found == expected.sha256) continue;
    throw BundleError(text_of(path()) + ": " + name +
                      " was altered, its SHA-256 is not the manifest's; copy it again");
  }
}

void Bundle::check_unchanged() const {
  const bool is_form = !content_->record.empty();
  const bool same =
      is_form ? read_form_record(path()) == content_->record : stamp_of(path(), manifest()) == content_->seen;
  if (same) return;
  throw ReplacedError(text_of(path()) + " was replaced or altered while it was read; open it again");
}

}  // namespace eeinfer
