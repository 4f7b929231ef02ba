// Any bytes as a manifest, with the checksum that belongs to them: an answer or a BundleError, nothing else.
#include <cstddef>
#include <cstdint>
#include <string>

#include "eeinfer/error.h"
#include "eeinfer/files/sha256.h"
#include "eeinfer/layout.h"
#include "eeinfer/manifest.h"

namespace {

constexpr char kMark[] = "\"checksum\": \"";
constexpr std::size_t kMarkBytes = sizeof kMark - 1, kDigits = 64;

// Without it hardly anything would get past the checksum.
void seal(std::string& bytes) {
  const std::size_t mark = bytes.find(kMark);
  if (mark == std::string::npos || bytes.size() < mark + kMarkBytes + kDigits) return;
  bytes.replace(mark + kMarkBytes, kDigits, kDigits, '0');
  bytes.replace(mark + kMarkBytes, kDigits, eeinfer::sha256_of(bytes.data(), bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  seal(bytes);
  try {
    const eeinfer::Manifest manifest = eeinfer::parse_manifest(bytes, "model.eeb/manifest.json");
    eeinfer::bytes_in_front(manifest);  // what is accepted can be used
    eeinfer::last_reads(manifest);
  } catch (const eeinfer::BundleError&) {
  }
  return 0;
}
