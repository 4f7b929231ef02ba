// The inner part of SHA-256, in two ways: for any processor, and with the instructions that x86 has for it.
#ifndef EEINFER_FILES_SHA256_BLOCKS_H
#define EEINFER_FILES_SHA256_BLOCKS_H

#include <cstddef>
#include <cstdint>

namespace eeinfer {

using BlocksFunction = void (*)(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count);

// Take `count` blocks of 64 bytes into the eight words of `state`.
void sha256_blocks(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count);

// The quickest way on this processor.
BlocksFunction quickest_blocks();

extern const std::uint32_t kSha256Rounds[64];

}  // namespace eeinfer

#endif
