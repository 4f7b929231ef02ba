// The bundle: a folder with one ONNX graph per exit, shared weights, and a manifest that vouches for all of it.
#ifndef EEINFER_BUNDLE_H
#define EEINFER_BUNDLE_H

#include <filesystem>
#include <memory>
#include <string>

#include "eeinfer/manifest.h"

namespace eeinfer {

// A folder whose manifest and files have been checked. A value: copies share what was read, which never changes.
//
// The optimised form of a bundle (eeinfer/form.h) is one too: other segments and files, in another folder.
class Bundle {
 public:
  // Read and check the bundle at `path`.
  //
  // verify: also compare every file with its SHA-256; false skips the hashes and nothing else. Throws BundleError: the
  // folder is missing, foreign, damaged or altered, comes from a newer format, names paths outside itself, or its
  // segments do not chain.
  static Bundle open(const std::filesystem::path& path, bool verify = true);

  const std::filesystem::path& path() const noexcept;
  const Manifest& manifest() const noexcept;

  // The SHA-256 of the manifest as it was read, which holds those of all other files. A form has its bundle's.
  const std::string& fingerprint() const noexcept;

  // Where the file `name` lies.
  std::filesystem::path file(const std::string& name) const;

  // Whether its files are read before a thread that opens the next session has packed the weights of one.
  bool is_small() const noexcept;

  // Compare every file with its SHA-256. Throws BundleError: one is missing or was altered.
  void verify() const;

  // Call it when all files have been read. Throws ReplacedError: they are not those that were there when the bundle was
  // opened, which explains whatever went wrong meanwhile.
  void check_unchanged() const;

  struct Content;
  const Content& content() const noexcept { return *content_; }
  explicit Bundle(std::shared_ptr<const Content> content);

 private:
  std::shared_ptr<const Content> content_;
};

}  // namespace eeinfer

#endif
