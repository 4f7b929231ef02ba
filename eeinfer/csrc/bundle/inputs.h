// Whether the inputs of a bundle and its dynamic axes make sense.
#ifndef EEINFER_BUNDLE_INPUTS_H
#define EEINFER_BUNDLE_INPUTS_H

#include "eeinfer/manifest.h"

namespace eeinfer {

// Throws Problem.
void check_inputs(const Manifest& manifest);

// Throws Problem: a tensor without a name, without bounds of an axis, empty or too large.
void check_tensor(const TensorSpec& spec, const Axes& axes);

}  // namespace eeinfer

#endif
