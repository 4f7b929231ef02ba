// Whether numbers are numbers.
#ifndef EEINFER_FINITE_H
#define EEINFER_FINITE_H

#include <cstddef>

#include "eeinfer/manifest.h"

namespace eeinfer {

// Whether `count` values, which need not be aligned, hold neither NaN nor infinite ones; whole numbers never do.
bool all_finite(Dtype dtype, const std::byte* data, std::size_t count);

}  // namespace eeinfer

#endif
