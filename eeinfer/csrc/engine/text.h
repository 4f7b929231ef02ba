// How messages say shapes.
#ifndef EEINFER_ENGINE_TEXT_H
#define EEINFER_ENGINE_TEXT_H

#include <string>

#include "eeinfer/manifest.h"
#include "eeinfer/view.h"

namespace eeinfer {

// "[1, 3, 32, 32]"
std::string shape_text(const View& view);

// What a batch of the tensor is: "float32 [batch, 3, 32, 32]"
std::string batch_text(const TensorSpec& spec);

}  // namespace eeinfer

#endif
