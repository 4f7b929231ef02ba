// Whether the segments chain: what one reads was made before, and nothing is made twice.
#ifndef EEINFER_BUNDLE_CHAIN_H
#define EEINFER_BUNDLE_CHAIN_H

#include "eeinfer/manifest.h"

namespace eeinfer {

// Throws Problem.
void check_chain(const Manifest& manifest);

}  // namespace eeinfer

#endif
