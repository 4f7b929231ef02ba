// What a Bundle holds.
#ifndef EEINFER_BUNDLE_CONTENT_H
#define EEINFER_BUNDLE_CONTENT_H

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "eeinfer/bundle.h"
#include "files/stamp.h"

namespace eeinfer {

struct Bundle::Content {
  std::filesystem::path path;
  Manifest manifest;
  std::string fingerprint;
  Stamp seen;          // of the folder and all its files, before any of them was read; of a form: none
  std::string record;  // of a form: its build.json
  std::map<std::string, std::int64_t> sums;  // of a form: the CRC-32 of each of its files
};

}  // namespace eeinfer

#endif
