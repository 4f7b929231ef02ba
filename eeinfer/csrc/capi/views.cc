#include "capi/handles.h"

namespace eeinfer::capi {
namespace {

View view_of(const eeinfer_tensor& tensor) {
  const char* dtype = tensor.dtype == nullptr ? "" : tensor.dtype;
  const std::optional<Dtype> known = dtype_named(dtype);
  if (!known) throw InputError("a tensor has the dtype '" + std::string(dtype) + "'; give one such as float32, uint8 or int64");
  if (tensor.shape == nullptr && tensor.rank > 0) throw InputError("the shape of a tensor is null; give its sizes");
  return View(*known, tensor.data, tensor.shape, tensor.rank, tensor.name == nullptr ? "" : tensor.name);
}

}  // namespace

Views::Views(const eeinfer_tensor* tensors, std::int32_t count) : size_(static_cast<std::size_t>(count < 0 ? 0 : count)) {
  if (tensors == nullptr || count < 1) throw InputError("inputs is null or empty; give one tensor for each input of the bundle");
  if (size_ > kFew) many_.resize(size_);
  View* views = many_.empty() ? few_ : many_.data();
  for (std::size_t i = 0; i < size_; ++i) views[i] = view_of(tensors[i]);
}

}  // namespace eeinfer::capi
