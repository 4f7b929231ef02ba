#include "eeinfer/dtype.h"

#include <cstddef>

namespace eeinfer {
namespace {

struct Facts {
  std::string_view name;
  std::int64_t bytes;
};

constexpr Facts kFacts[] = {
    {"bool", 1},   {"int8", 1},   {"int16", 2},   {"int32", 4},   {"int64", 8},   {"uint8", 1},    {"uint16", 2},
    {"uint32", 4}, {"uint64", 8}, {"float16", 2}, {"float32", 4}, {"float64", 8}, {"bfloat16", 2}, {"float8_e4m3fn", 1},
};  // in the order of Dtype

}  // namespace

std::string_view dtype_name(Dtype dtype) noexcept { return kFacts[static_cast<std::size_t>(dtype)].name; }

std::int64_t dtype_bytes(Dtype dtype) noexcept { return kFacts[static_cast<std::size_t>(dtype)].bytes; }

std::optional<Dtype> dtype_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < sizeof kFacts / sizeof *kFacts; ++i) {
    if (kFacts[i].name == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

}  // namespace eeinfer
