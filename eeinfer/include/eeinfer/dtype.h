// What the numbers of a tensor are.
#ifndef EEINFER_DTYPE_H
#define EEINFER_DTYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace eeinfer {

enum class Dtype {
  boolean,  // "bool" in manifests
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float16,
  float32,
  float64,
  bfloat16,
  float8_e4m3fn,
};

// What manifests call it.
std::string_view dtype_name(Dtype dtype) noexcept;

// Bytes of one number.
std::int64_t dtype_bytes(Dtype dtype) noexcept;

// Nothing where no dtype is called so.
std::optional<Dtype> dtype_named(std::string_view name) noexcept;

}  // namespace eeinfer

#endif
