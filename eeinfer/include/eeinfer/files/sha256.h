// SHA-256 (FIPS 180-4): what a manifest vouches for its files with.
#ifndef EEINFER_FILES_SHA256_H
#define EEINFER_FILES_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace eeinfer {

// Feed it piece by piece, then ask once.
class Sha256 {
 public:
  void update(const void* data, std::size_t bytes);

  // 64 lower-case hexadecimal digits. Nothing may be fed after it.
  std::string hex();

 private:
  static constexpr std::size_t kBlock = 64;  // bytes

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, kBlock> rest_{};  // what is not a whole block yet
  std::size_t waiting_ = 0;
  std::uint64_t total_ = 0;
};

// The SHA-256 of a piece of memory.
std::string sha256_of(const void* data, std::size_t bytes);

}  // namespace eeinfer

#endif
