#include "finite.h"

#include <cstdint>
#include <cstring>

namespace eeinfer {
namespace {

template <class Bits>
bool all_finite(const std::byte* data, std::size_t count, Bits exponent) {
  Bits bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * sizeof(Bits), sizeof(Bits));
    bad |= static_cast<Bits>((bits & exponent) == exponent);  // no branch: the compiler makes vectors of this
  }
  return bad == 0;
}

}  // namespace

bool all_finite(Dtype dtype, const std::byte* data, std::size_t count) {
  switch (dtype) {
    case Dtype::float16: return all_finite<std::uint16_t>(data, count, 0x7c00);
    case Dtype::bfloat16: return all_finite<std::uint16_t>(data, count, 0x7f80);
    case Dtype::float32: return all_finite<std::uint32_t>(data, count, 0x7f800000);
    case Dtype::float64: return all_finite<std::uint64_t>(data, count, 0x7ff0000000000000);
    default: return true;
  }
}

}  // namespace eeinfer
