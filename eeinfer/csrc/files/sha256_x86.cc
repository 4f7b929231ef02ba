// SHA-256 with the SHA extensions of x86: five times the pace, which is what opening a large bundle waits for.
#include "files/sha256_blocks.h"

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))

#include <cpuid.h>
#include <immintrin.h>

namespace eeinfer {
namespace {

#define EEINFER_SHA __attribute__((target("sha,sse4.1,ssse3")))

bool has_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0 || (c & bit_SSSE3) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29)) != 0;
}

EEINFER_SHA __m128i read(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }

EEINFER_SHA void write(void* at, __m128i words) { _mm_storeu_si128(static_cast<__m128i*>(at), words); }

// Four rounds with the oldest four words of the block, which become those that follow the last.
EEINFER_SHA inline void rounds(__m128i& abef, __m128i& cdgh, __m128i& oldest, __m128i second, __m128i third, __m128i last,
                               const std::uint32_t* constants) {
  const __m128i round = _mm_add_epi32(oldest, read(constants));
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, round);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(round, 0x0e));
  const __m128i first = _mm_sha256msg1_epu32(oldest, second);
  oldest = _mm_sha256msg2_epu32(_mm_add_epi32(first, _mm_alignr_epi8(last, third, 4)), last);
}

// The processor wants the words of the state as (a, b, e, f) and (c, d, g, h), the first one highest.
EEINFER_SHA void blocks(std::uint32_t* state, const std::uint8_t* data, std::size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i cdab = _mm_shuffle_epi32(read(state), 0xb1), hgfe = _mm_shuffle_epi32(read(state + 4), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, cdab, 0xf0);
  for (; count > 0; --count, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i a = _mm_shuffle_epi8(read(data), big_endian), b = _mm_shuffle_epi8(read(data + 16), big_endian);
    __m128i c = _mm_shuffle_epi8(read(data + 32), big_endian), d = _mm_shuffle_epi8(read(data + 48), big_endian);
    for (const std::uint32_t* at = kSha256Rounds; at != kSha256Rounds + 64; at += 16) {
      rounds(abef, cdgh, a, b, c, d, at);
      rounds(abef, cdgh, b, c, d, a, at + 4);
      rounds(abef, cdgh, c, d, a, b, at + 8);
      rounds(abef, cdgh, d, a, b, c, at + 12);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  write(state, _mm_blend_epi16(feba, dchg, 0xf0));
  write(state + 4, _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

BlocksFunction quickest_blocks() { return has_instructions() ? blocks : sha256_blocks; }

}  // namespace eeinfer

#else

namespace eeinfer {

BlocksFunction quickest_blocks() { return sha256_blocks; }

}  // namespace eeinfer

#endif
