#include <doctest/doctest.h>

#include <string>

#include "eeinfer/files/crc32.h"
#include "files/crc32_blocks.h"

using eeinfer::crc32;

TEST_CASE("CRC-32 is that of every other program") {
  CHECK(crc32(0, "", 0) == 0);
  CHECK(crc32(0, "x", 1) == 0x8cdc1683);
  CHECK(crc32(0, "123456789", 9) == 0xcbf43926);
  CHECK(crc32(0, "The quick brown fox jumps over the lazy dog", 43) == 0x414fa339);
}

TEST_CASE("CRC-32 goes on from what came before") {
  const std::string text(1000, 'e');
  const std::uint32_t whole = crc32(0, text.data(), text.size());
  for (std::size_t cut = 0; cut < 40; ++cut) {
    CHECK(crc32(crc32(0, text.data(), cut), text.data() + cut, text.size() - cut) == whole);
  }
}

TEST_CASE("CRC-32 is the same with this processor's instructions as without, whatever the length and the sum before") {
  std::string bytes(3000, 'e');
  std::uint32_t random = 1;
  for (char& byte : bytes) byte = static_cast<char>((random = random * 1664525u + 1013904223u) >> 24);
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  for (std::size_t count = 0; count <= 46; ++count) {
    for (const std::uint32_t state : {0u, 1u, 0xffffffffu, 0x8cdc1683u}) {
      for (std::size_t at = 0; at < 17; ++at)
        CHECK(eeinfer::quickest_crc32()(state, data + at, count) == eeinfer::crc32_blocks(state, data + at, count));
    }
  }
  CHECK(crc32(0, bytes.data(), 2999) == crc32(crc32(0, bytes.data(), 1000), bytes.data() + 1000, 1999));
}
