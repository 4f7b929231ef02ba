#include "engine/text.h"

namespace eeinfer {

std::string shape_text(const View& view) {
  std::string text;
  for (int i = 0; i < view.rank; ++i) text += (i == 0 ? "" : ", ") + std::to_string(view.shape[static_cast<std::size_t>(i)]);
  return "[" + text + "]";
}

std::string batch_text(const TensorSpec& spec) {
  std::string text = std::string(dtype_name(spec.dtype)) + " [batch";
  for (const Size& size : spec.shape) {
    const auto* number = std::get_if<std::int64_t>(&size);
    text += ", " + (number != nullptr ? std::to_string(*number) : std::get<std::string>(size));
  }
  return text + "]";
}

}  // namespace eeinfer
