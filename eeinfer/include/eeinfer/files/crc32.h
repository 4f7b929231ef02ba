// CRC-32 as zlib computes it: what guards an optimised form against damage.
#ifndef EEINFER_FILES_CRC32_H
#define EEINFER_FILES_CRC32_H

#include <cstddef>
#include <cstdint>

namespace eeinfer {

// Go on from the sum of what came before; 0 at the start.
std::uint32_t crc32(std::uint32_t before, const void* data, std::size_t bytes) noexcept;

}  // namespace eeinfer

#endif
