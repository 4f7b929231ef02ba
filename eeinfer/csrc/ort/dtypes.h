// What ONNX Runtime calls the numbers of a tensor.
#ifndef EEINFER_ORT_DTYPES_H
#define EEINFER_ORT_DTYPES_H

#include <string>

#include "eeinfer/dtype.h"
#include "ort/api.h"

namespace eeinfer::ort {

ONNXTensorElementDataType element_type(Dtype dtype) noexcept;

// As ONNX Runtime writes it: "tensor(float)".
std::string type_text(ONNXTensorElementDataType type);

}  // namespace eeinfer::ort

#endif
