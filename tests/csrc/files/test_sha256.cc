// NIST's examples (FIPS 180-4, and the byte vectors of its validation programme), by both ways through a block.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "eeinfer/files/sha256.h"
#include "files/sha256_blocks.h"

using namespace eeinfer;

namespace {

std::string hash(const std::string& text) { return sha256_of(text.data(), text.size()); }

}  // namespace

TEST_CASE("SHA-256 gives what NIST publishes") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu") ==
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hash(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(hash("\xd3") == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  CHECK(hash("\x11\xaf") == "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98");
}

TEST_CASE("SHA-256 does not depend on where a text is cut") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  const std::string whole = hash(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 digest;
    digest.update(text.data(), cut);
    digest.update(text.data() + cut, text.size() - cut);
    CHECK(digest.hex() == whole);
  }
}

TEST_CASE("both ways through a block are one") {
  std::vector<std::uint8_t> blocks(64 * 9);
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<std::uint8_t>(i * 131 >> 3);
  std::uint32_t one[8] = {1, 2, 3, 4, 5, 6, 7, 8}, other[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  sha256_blocks(one, blocks.data(), 9);
  quickest_blocks()(other, blocks.data(), 9);
  for (int i = 0; i < 8; ++i) CHECK(one[i] == other[i]);
}
