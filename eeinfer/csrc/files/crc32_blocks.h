// The inner part of CRC-32, in two ways: for any processor, and with the instruction that x86 has for such products.
#ifndef EEINFER_FILES_CRC32_BLOCKS_H
#define EEINFER_FILES_CRC32_BLOCKS_H

#include <cstddef>
#include <cstdint>

namespace eeinfer {

constexpr std::size_t kCrc32Block = 64;

// Go on from a state over `count` blocks of 64 bytes; the state is the sum with all bits turned.
using Crc32Function = std::uint32_t (*)(std::uint32_t state, const std::uint8_t* blocks, std::size_t count);

std::uint32_t crc32_blocks(std::uint32_t state, const std::uint8_t* blocks, std::size_t count);

// The quickest way on this processor.
Crc32Function quickest_crc32();

}  // namespace eeinfer

#endif
