// What a caller gives: memory of its own, borrowed for the call.
#ifndef EEINFER_VIEW_H
#define EEINFER_VIEW_H

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "eeinfer/dtype.h"
#include "eeinfer/eeinfer.h"  // EEINFER_API

namespace eeinfer {

// A contiguous tensor in C's order, or 8-bit images. Nothing is copied, so that all of it must live as long as the call.
struct EEINFER_API View {
  static constexpr int kMostAxes = 16;

  std::string_view name;                      // of the input; may be empty where the bundle has one input
  Dtype dtype = Dtype::float32;
  int rank = 0;                               // with the batch
  std::array<std::int64_t, kMostAxes> shape{};
  const void* data = nullptr;

  View() = default;

  // `sizes` has `axes` numbers. Throws InputError: more than kMostAxes.
  View(Dtype numbers, const void* memory, const std::int64_t* sizes, int axes, std::string_view input = {});

  // A tensor of float32, [B, *shape] or, for one row, [*shape].
  View(const float* memory, std::initializer_list<std::int64_t> sizes, std::string_view input = {})
      : View(Dtype::float32, memory, sizes.begin(), static_cast<int>(sizes.size()), input) {}

  // 8-bit images [H, W], [H, W, C], [B, H, W] or [B, H, W, C]; to an input of whole numbers, whole numbers.
  View(const std::uint8_t* memory, std::initializer_list<std::int64_t> sizes, std::string_view input = {})
      : View(Dtype::uint8, memory, sizes.begin(), static_cast<int>(sizes.size()), input) {}

  View(const std::int64_t* memory, std::initializer_list<std::int64_t> sizes, std::string_view input = {})
      : View(Dtype::int64, memory, sizes.begin(), static_cast<int>(sizes.size()), input) {}
};

}  // namespace eeinfer

#endif
