// How messages say numbers and shapes.
#ifndef EEINFER_ENGINE_TEXT_H
#define EEINFER_ENGINE_TEXT_H

#include <string>

#include "eeinfer/manifest.h"
#include "eeinfer/view.h"

namespace eeinfer {

// The shortest text that means this number, as Python writes it: 0.1, 2.0, nan.
std::string number_text(double number);

// "[1, 3, 32, 32]"
std::string shape_text(const View& view);

// What a batch of the tensor is: "float32 [batch, 3, 32, 32]"
std::string batch_text(const TensorSpec& spec);

}  // namespace eeinfer

#endif
