#include "ort/dtypes.h"

#include <utility>

namespace eeinfer::ort {
namespace {

constexpr std::pair<Dtype, ONNXTensorElementDataType> kTypes[] = {
    {Dtype::boolean, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},       {Dtype::int8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {Dtype::int16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},        {Dtype::int32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {Dtype::int64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},        {Dtype::uint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {Dtype::uint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},      {Dtype::uint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {Dtype::uint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},      {Dtype::float16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {Dtype::float32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},      {Dtype::float64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {Dtype::bfloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {Dtype::float8_e4m3fn, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FN},
};

}  // namespace

ONNXTensorElementDataType element_type(Dtype dtype) noexcept {
  for (const auto& [ours, theirs] : kTypes)
    if (ours == dtype) return theirs;
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

std::string type_text(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kTypes)
    if (theirs == type) {
      const std::string name = ours == Dtype::float32   ? "float"
                               : ours == Dtype::float64 ? "double"
                                                        : std::string(dtype_name(ours));
      return "tensor(" + name + ")";
    }
  return "something else";
}

}  // namespace eeinfer::ort
