#include "engine/whole_numbers.h"

#include <cassert>
#include <cstring>
#include <type_traits>

namespace eeinfer {
namespace {

// Call `work` with a zero of the dtype's own type; false where it is no whole number.
template <class Work>
bool with_type(Dtype dtype, Work work) {
  switch (dtype) {
    case Dtype::boolean: return work(bool{}), true;
    case Dtype::int8: return work(std::int8_t{}), true;
    case Dtype::int16: return work(std::int16_t{}), true;
    case Dtype::int32: return work(std::int32_t{}), true;
    case Dtype::int64: return work(std::int64_t{}), true;
    case Dtype::uint8: return work(std::uint8_t{}), true;
    case Dtype::uint16: return work(std::uint16_t{}), true;
    case Dtype::uint32: return work(std::uint32_t{}), true;
    case Dtype::uint64: return work(std::uint64_t{}), true;
    default: return false;
  }
}

template <class From, class To>
constexpr bool holds_all() {
  if (std::is_same_v<To, bool>) return false;
  if (std::is_same_v<From, bool>) return true;
  if (std::is_signed_v<From> == std::is_signed_v<To>) return sizeof(To) > sizeof(From);
  return std::is_signed_v<To> && sizeof(To) > sizeof(From);
}

}  // namespace

bool can_widen(Dtype from, Dtype to) {
  bool can = false;
  with_type(from, [&](auto a) { with_type(to, [&](auto b) { can = holds_all<decltype(a), decltype(b)>(); }); });
  return can;
}

void widen(const void* data, Dtype from, Dtype to, std::int64_t count, std::byte* out) {
  assert(can_widen(from, to));
  with_type(from, [&](auto a) {
    with_type(to, [&](auto b) {
      for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(&a, static_cast<const std::byte*>(data) + i * static_cast<std::int64_t>(sizeof a), sizeof a);
        b = static_cast<decltype(b)>(a);
        std::memcpy(out + i * static_cast<std::int64_t>(sizeof b), &b, sizeof b);
      }
    });
  });
}

}  // namespace eeinfer
