// build.json of an optimised form: what it was made from and for, its segments, and the sums of its files.
#ifndef EEINFER_BUNDLE_FORM_RECORD_H
#define EEINFER_BUNDLE_FORM_RECORD_H

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "eeinfer/manifest.h"

namespace eeinfer {

struct FormRecord {
  std::string key;  // of the four facts that it was made from and for
  std::vector<Segment> segments;
  Files files;
  std::map<std::string, std::int64_t> sums;  // CRC-32 of each of the files
};

// The bytes of the build.json in `folder`. Throws BundleError: it is missing, or no file of its size.
std::string read_form_record(const std::filesystem::path& folder);

// Throws BundleError: not JSON, truncated, of another format, an unknown or missing field, a value of a wrong type.
FormRecord parse_form_record(const std::string& bytes, const std::filesystem::path& folder);

// The key of a form made from the bundle with this fingerprint.
std::string key_of(const std::string& fingerprint, const std::string& library_version, std::int64_t form,
                   const std::string& instruction_sets);

}  // namespace eeinfer

#endif
