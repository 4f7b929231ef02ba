#include "eeinfer/files/sha256.h"

#include <algorithm>
#include <cstring>

#include "files/sha256_blocks.h"

namespace eeinfer {

const std::uint32_t kSha256Rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

namespace {

constexpr std::size_t kBlock = 64;
std::uint32_t turned(std::uint32_t word, unsigned bits) { return (word >> bits) | (word << (32 - bits)); }

std::uint32_t word_at(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

void expand(const std::uint8_t* block, std::uint32_t (&words)[64]) {
  for (std::size_t i = 0; i < 16; ++i) words[i] = word_at(block + 4 * i);
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t early = words[i - 15], late = words[i - 2];
    words[i] = words[i - 16] + (turned(early, 7) ^ turned(early, 18) ^ (early >> 3)) + words[i - 7] +
               (turned(late, 17) ^ turned(late, 19) ^ (late >> 10));
  }
}

void one_block(std::uint32_t* state, const std::uint8_t* block) {
  std::uint32_t words[64];
  expand(block, words);
  auto [a, b, c, d, e, f, g, h] = std::array<std::uint32_t, 8>{state[0], state[1], state[2], state[3],
                                                               state[4], state[5], state[6], state[7]};
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t one =
        h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + kSha256Rounds[i] + words[i];
    const std::uint32_t two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
  }
  const std::uint32_t made[] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += made[i];
}

}  // namespace

void sha256_blocks(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) one_block(state, blocks + i * kBlock);
}

void Sha256::update(const void* data, std::size_t bytes) {
  static const BlocksFunction blocks = quickest_blocks();
  const auto* at = static_cast<const std::uint8_t*>(data);
  total_ += bytes;
  if (waiting_ > 0) {
    const std::size_t taken = std::min(bytes, kBlock - waiting_);
    std::copy_n(at, taken, rest_.data() + waiting_);
    waiting_ += taken, at += taken, bytes -= taken;
    if (waiting_ < kBlock) return;
    blocks(state_.data(), rest_.data(), 1);
  }
  blocks(state_.data(), at, bytes / kBlock);
  waiting_ = bytes % kBlock;
  std::copy_n(at + (bytes - waiting_), waiting_, rest_.data());
}

std::string Sha256::hex() {
  const std::uint64_t bits = total_ * 8;
  std::array<std::uint8_t, 2 * kBlock> tail{0x80};
  const std::size_t padding = (waiting_ < kBlock - 8 ? kBlock : 2 * kBlock) - waiting_;
  for (std::size_t i = 0; i < 8; ++i) tail[padding - 1 - i] = static_cast<std::uint8_t>(bits >> (8 * i));
  update(tail.data(), padding);
  std::string digits;
  for (const std::uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(word >> shift) & 15];
  }
  return digits;
}

std::string sha256_of(const void* data, std::size_t bytes) {
  Sha256 digest;
  digest.update(data, bytes);
  return digest.hex();
}

}  // namespace eeinfer
