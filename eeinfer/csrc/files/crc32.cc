#include "eeinfer/files/crc32.h"

#include <array>

#include "files/crc32_blocks.h"

namespace eeinfer {
namespace {

constexpr std::size_t kSlices = 8;  // bytes taken at once, each with a table of its own
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xedb88320U : 0U);
    tables[0][i] = value;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = tables[slice - 1][i];
      tables[slice][i] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

std::uint32_t crc32_blocks(std::uint32_t state, const std::uint8_t* blocks, std::size_t count) {
  for (const std::uint8_t* end = blocks + count * kCrc32Block; blocks != end; blocks += kSlices) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      const std::uint32_t mixed = i < 4 ? (state >> (8 * i)) & 255 : 0;
      next ^= kTables[kSlices - 1 - i][blocks[i] ^ mixed];
    }
    state = next;
  }
  return state;
}

std::uint32_t crc32(std::uint32_t before, const void* data, std::size_t bytes) noexcept {
  static const Crc32Function blocks = quickest_crc32();
  const auto* at = static_cast<const std::uint8_t*>(data);
  const std::size_t whole = bytes / kCrc32Block;
  std::uint32_t state = blocks(~before, at, whole);
  for (std::size_t i = whole * kCrc32Block; i < bytes; ++i) state = (state >> 8) ^ kTables[0][(state ^ at[i]) & 255];
  return ~state;
}

}  // namespace eeinfer
