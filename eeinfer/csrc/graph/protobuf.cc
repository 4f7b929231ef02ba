#include "graph/protobuf.h"

#include <limits>
#include <string>

namespace eeinfer::protobuf {
namespace {

constexpr unsigned kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;  // wire types
constexpr int kLongest = 10;                                             // bytes of a number

}  // namespace

Fields::Iterator& Fields::Iterator::operator++() {
  while (at_ < bytes_.size()) {
    const std::uint64_t key = number();
    // Readers of protocol buffers cut keys off at 32 bits: a larger one would be another field to them than to us.
    if (key > std::numeric_limits<std::uint32_t>::max()) fail();
    const auto kind = static_cast<unsigned>(key & 7);
    if (kind == kFixed64 || kind == kFixed32) {
      const std::size_t size = kind == kFixed64 ? 8 : 4;
      if (bytes_.size() - at_ < size) fail();
      at_ += size;
      continue;
    }
    const std::uint64_t value = number();
    if (kind == kVarint && !numbers_) continue;
    if (kind == kVarint) {
      field_ = {static_cast<std::uint32_t>(key >> 3), {}, value};
      return *this;
    }
    if (kind != kBytes || value > bytes_.size() - at_) fail();
    field_ = {static_cast<std::uint32_t>(key >> 3), bytes_.substr(at_, static_cast<std::size_t>(value))};
    at_ += static_cast<std::size_t>(value);
    return *this;
  }
  done_ = true;
  return *this;
}

std::uint64_t Fields::Iterator::number() {
  std::uint64_t value = 0;
  for (int i = 0; i < kLongest; ++i) {
    if (at_ == bytes_.size()) fail();
    const auto byte = static_cast<unsigned char>(bytes_[at_++]);
    if (i + 1 == kLongest && byte > 1) value = std::numeric_limits<std::uint64_t>::max();  // more than 64 bits
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) return value;
  }
  fail();
}

void Fields::Iterator::fail() const { throw Broken("is broken at byte " + std::to_string(at_) + " of a message"); }

}  // namespace eeinfer::protobuf
