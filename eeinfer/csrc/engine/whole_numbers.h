// Whole numbers become wider ones where nothing can be lost: ids as int32 for a network that reads int64.
#ifndef EEINFER_ENGINE_WHOLE_NUMBERS_H
#define EEINFER_ENGINE_WHOLE_NUMBERS_H

#include <cstddef>
#include <cstdint>

#include "eeinfer/dtype.h"

namespace eeinfer {

// Whether every number of `from`, whole numbers or booleans, is one of `to`, wider whole numbers.
bool can_widen(Dtype from, Dtype to);

// Write `count` numbers as wider ones; `can_widen` has said that they may be.
void widen(const void* data, Dtype from, Dtype to, std::int64_t count, std::byte* out);

}  // namespace eeinfer

#endif
