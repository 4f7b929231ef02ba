// Prepared tensors on their way to the segments.
#ifndef EEINFER_TENSORS_H
#define EEINFER_TENSORS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "eeinfer/manifest.h"

namespace eeinfer {

using Sizes = std::vector<std::int64_t>;

// Rows of one input of the bundle, contiguous, in somebody else's memory.
struct Tensor {
  Dtype dtype = Dtype::float32;
  Sizes shape;            // without the batch
  std::int64_t rows = 0;
  const std::byte* data = nullptr;

  std::size_t row_bytes() const;
};

using Inputs = std::vector<Tensor>;  // in the order of the manifest's inputs, all of as many rows

// How many numbers a row of that shape has.
inline std::int64_t count_of(const Sizes& shape) {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) product *= size;
  return product;
}

inline std::size_t Tensor::row_bytes() const { return static_cast<std::size_t>(count_of(shape) * dtype_bytes(dtype)); }

// What segment k decides, for N rows: [N, K], [N], [N]. Valid until the segment runs again in the same buffers.
struct Exit {
  const float* logits = nullptr;
  const float* score = nullptr;
  const std::int64_t* prediction = nullptr;
};

}  // namespace eeinfer

#endif
