#include "eeinfer/view.h"

#include "eeinfer/error.h"

namespace eeinfer {

View::View(Dtype numbers, const void* memory, const std::int64_t* sizes, int axes, std::string_view input)
    : name(input), dtype(numbers), rank(axes), data(memory) {
  if (axes < 0 || axes > kMostAxes)
    throw InputError("a tensor has " + std::to_string(axes) + " axes; give " + std::to_string(kMostAxes) + " at most");
  for (int i = 0; i < axes; ++i) shape[static_cast<std::size_t>(i)] = sizes[i];
}

}  // namespace eeinfer
