#include <doctest/doctest.h>

#include <string>

#include "eeinfer/files/crc32.h"

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
