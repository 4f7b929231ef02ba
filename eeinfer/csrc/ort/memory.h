// Memory of our own for what segments read and write: made once, seen in the shapes that a batch needs.
#ifndef EEINFER_ORT_MEMORY_H
#define EEINFER_ORT_MEMORY_H

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "eeinfer/layout.h"
#include "ort/api.h"
#include "tensors.h"

namespace eeinfer::ort {

// Zeros that start on a cache line, which vector code likes.
class Aligned {
 public:
  explicit Aligned(std::size_t bytes = 0);
  std::byte* data() const { return start_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::byte* start_ = nullptr;
  std::size_t bytes_ = 0;
};

// Where the tensor of that name begins, and what one row of it is.
struct Place {
  std::byte* data = nullptr;
  Dtype dtype = Dtype::float32;
  Sizes shape;  // without the batch
  std::size_t row_bytes = 0;
};

// Room for `rows` rows of some tensors. It grows with the lengths of dynamic axes and never shrinks.
class Memory {
 public:
  // A tensor that shares memory comes behind the tensor that it shares it with.
  Memory(std::vector<TensorSpec> specs, std::int64_t rows);

  std::size_t bytes() const;

  // Make room for axes as long as `lengths`; true where a tensor has moved and what was bound is void.
  bool grow(const Lengths& lengths);

  // Every tensor by name; there is room for `lengths`.
  std::map<std::string, Place> places(const Lengths& lengths) const;

 private:
  std::vector<TensorSpec> specs_;
  std::int64_t rows_;
  std::map<std::string, Aligned> flat_;
};

// The answers of an exit for up to `rows` rows.
class ExitMemory {
 public:
  ExitMemory(std::int64_t classes, std::int64_t rows);
  Exit exit() const;

  // Where the tensors of kExitOutputs begin, in their order.
  std::vector<Place> places() const;

 private:
  std::vector<TensorSpec> specs_;
  std::vector<Aligned> flat_;
};

// Where in the inputs of a bundle stands how long its dynamic axes are.
class DynamicAxes {
 public:
  explicit DynamicAxes(const Manifest& manifest);

  bool none() const { return places_.empty(); }
  const Lengths& shortest() const { return shortest_; }

  // How long the axes of prepared inputs are; empty where all sizes are fixed.
  Lengths lengths(const Inputs& inputs) const;

 private:
  std::vector<std::tuple<std::string, std::size_t, std::size_t>> places_;  // axis, input, place in its shape
  Lengths shortest_;
};

// A tensor of ONNX Runtime's over memory that is not its own.
ValuePtr wrap(const OrtApi& api, Dtype dtype, const Sizes& shape, std::int64_t rows, void* data);

}  // namespace eeinfer::ort

#endif
