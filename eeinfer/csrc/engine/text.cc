#include "engine/text.h"

#include <charconv>
#include <cmath>

namespace eeinfer {

std::string number_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char digits[40];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, number);
  std::string text(digits, end.ptr);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

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
