// CRC-32 with the carry-less products of x86: ten times the pace, which is what opening a large form waits for.
//
// After "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009): the message is a
// polynomial, and what lies x^n ahead is folded into it by its product with x^n mod P, bits in the reverse order.
#include "files/crc32_blocks.h"

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))

#include <cpuid.h>
#include <immintrin.h>

namespace eeinfer {
namespace {

#define EEINFER_CLMUL __attribute__((target("pclmul,sse4.1")))

bool has_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_PCLMUL) != 0 && (c & bit_SSE4_1) != 0;
}

EEINFER_CLMUL __m128i read(const std::uint8_t* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

// `value` moved on by as many bits as the two factors are for, its lower half by the lower one.
EEINFER_CLMUL inline __m128i moved(__m128i value, __m128i factors) {
  return _mm_xor_si128(_mm_clmulepi64_si128(value, factors, 0x00), _mm_clmulepi64_si128(value, factors, 0x11));
}

EEINFER_CLMUL std::uint32_t reduced(__m128i value, __m128i by_128) {
  const __m128i low = _mm_setr_epi32(-1, 0, -1, 0);
  const __m128i by_64 = _mm_set_epi64x(0, 0x163cd6124), barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
  value = _mm_xor_si128(_mm_srli_si128(value, 8), _mm_clmulepi64_si128(value, by_128, 0x10));
  value = _mm_xor_si128(_mm_srli_si128(value, 4), _mm_clmulepi64_si128(_mm_and_si128(value, low), by_64, 0x00));
  const __m128i quotient = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(value, low), barrett, 0x10), low);
  value = _mm_xor_si128(value, _mm_clmulepi64_si128(quotient, barrett, 0x00));
  return static_cast<std::uint32_t>(_mm_extract_epi32(value, 1));
}

EEINFER_CLMUL std::uint32_t blocks(std::uint32_t state, const std::uint8_t* data, std::size_t count) {
  if (count == 0) return state;
  const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  __m128i a = _mm_xor_si128(read(data), _mm_cvtsi32_si128(static_cast<int>(state)));
  __m128i b = read(data + 16), c = read(data + 32), d = read(data + 48);
  for (data += kCrc32Block; --count > 0; data += kCrc32Block) {
    a = _mm_xor_si128(moved(a, by_512), read(data));
    b = _mm_xor_si128(moved(b, by_512), read(data + 16));
    c = _mm_xor_si128(moved(c, by_512), read(data + 32));
    d = _mm_xor_si128(moved(d, by_512), read(data + 48));
  }
  b = _mm_xor_si128(moved(a, by_128), b);
  c = _mm_xor_si128(moved(b, by_128), c);
  d = _mm_xor_si128(moved(c, by_128), d);
  return reduced(d, by_128);
}

}  // namespace

Crc32Function quickest_crc32() { return has_instructions() ? blocks : crc32_blocks; }

}  // namespace eeinfer

#else

namespace eeinfer {

Crc32Function quickest_crc32() { return crc32_blocks; }

}  // namespace eeinfer

#endif
