#include "bundle/inputs.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "bundle/records.h"
#include "eeinfer/layout.h"
#include "files/text.h"

namespace eeinfer {
namespace {

constexpr std::int64_t kMostRowBytes = std::int64_t{1} << 30;  // of a tensor, at the longest axes
constexpr std::int64_t kMostPixels = 1 << 14;                  // of the side to which images are scaled
const char* const kInterpolations[] = {"nearest", "bilinear", "bicubic"};

const std::string* axis_of(const Size& size) { return std::get_if<std::string>(&size); }

// [A-Za-z_][A-Za-z0-9_]*, but for the axis that every tensor has.
bool is_axis_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_word = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), is_word) && name != "batch";
}

bool is_finite(const std::vector<double>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double number) { return std::isfinite(number); });
}

void check_resize(std::int64_t resize, std::int64_t longer) {
  const std::string text = "preprocessing scales the shorter side to " + std::to_string(resize);
  if (resize > kMostPixels) throw Problem(text + ", more than " + std::to_string(kMostPixels) + " pixels");
  if (resize < longer) throw Problem(text + ", less than the input's " + std::to_string(longer));
}

void check_preprocess(const Preprocess& rule, const TensorSpec& tensor) {
  const bool fixed = std::none_of(tensor.shape.begin(), tensor.shape.end(), axis_of);
  if (!fixed || tensor.shape.size() != 3 || tensor.dtype != Dtype::float32) {
    throw Problem("preprocessing makes float32 [C, H, W], the input is " + text_of(tensor));
  }
  const std::vector<std::int64_t> shape = tensor.sizes();
  const auto channels = static_cast<std::size_t>(shape[0]);
  if (rule.mean.size() != channels || rule.std.size() != channels) {
    throw Problem("preprocessing has " + std::to_string(rule.mean.size()) + " means and " +
                  std::to_string(rule.std.size()) + " stds for " + std::to_string(channels) + " channels");
  }
  if (!is_finite(rule.mean) || !is_finite(rule.std) || *std::min_element(rule.std.begin(), rule.std.end()) <= 0) {
    throw Problem("preprocessing has a mean or std that is not finite, or a std that is not positive");
  }
  const std::vector<std::string> known(std::begin(kInterpolations), std::end(kInterpolations));
  if (std::find(known.begin(), known.end(), rule.interpolation) == known.end()) {
    throw Problem("preprocessing has the interpolation " + in_quotes(rule.interpolation) + ", known are " + joined(known));
  }
  if (rule.resize) check_resize(*rule.resize, std::max(shape[1], shape[2]));
}

void check_input(const Input& input, const Axes& axes) {
  const TensorSpec& tensor = input.tensor;
  if (std::find(std::begin(kExitOutputs), std::end(kExitOutputs), tensor.name) != std::end(kExitOutputs)) {
    throw Problem("an input is called " + in_quotes(tensor.name) + ", as an answer is");
  }
  if (tensor.shares) {
    throw Problem("the input " + in_quotes(tensor.name) + " shares memory; only carried tensors may");
  }
  check_tensor(tensor, axes);
  if (input.preprocess) check_preprocess(*input.preprocess, tensor);
}

void check_names(const std::vector<Input>& inputs) {
  std::set<std::string> names;
  std::vector<std::string> texts;
  for (const Input& input : inputs) {
    names.insert(input.tensor.name);
    texts.push_back(in_quotes(input.tensor.name));
  }
  if (names.size() != inputs.size()) throw Problem("two of the inputs " + joined(texts) + " have one name");
}

void check_axes(const Manifest& manifest) {
  std::set<std::string> known;
  for (const Input& input : manifest.inputs) {
    for (const Size& size : input.tensor.shape) {
      if (const std::string* name = axis_of(size)) known.insert(*name);
    }
  }
  for (const auto& [name, axis] : manifest.axes) {
    const std::string text = "the dynamic axis " + in_quotes(name);
    if (!is_axis_name(name)) throw Problem("the manifest has " + text + ", which is not a name, or the batch's");
    if (axis.min < 1 || axis.min > axis.max) {
      throw Problem(text + " has sizes from " + std::to_string(axis.min) + " to " + std::to_string(axis.max));
    }
    if (known.count(name) == 0) throw Problem(text + " is in no input, so nothing says how long it is");
  }
}

}  // namespace

void check_inputs(const Manifest& manifest) {
  if (manifest.inputs.empty()) throw Problem("the manifest has no inputs");
  check_names(manifest.inputs);
  for (const Input& input : manifest.inputs) check_input(input, manifest.axes);
  check_axes(manifest);
}

void check_tensor(const TensorSpec& spec, const Axes& axes) {
  for (const Size& size : spec.shape) {
    const auto* number = std::get_if<std::int64_t>(&size);
    if (number != nullptr && *number < 1) throw Problem("an empty tensor, " + text_of(spec));
  }
  for (const Size& size : spec.shape) {
    const std::string* name = axis_of(size);
    if (name != nullptr && axes.count(*name) == 0) {
      throw Problem("a tensor with the axis " + in_quotes(*name) + ", which has no bounds, " + text_of(spec));
    }
  }
  if (bytes_per_sample(spec, axes) > kMostRowBytes) {
    throw Problem("a tensor of more than " + std::to_string(kMostRowBytes) + " bytes per row, " + text_of(spec));
  }
}

}  // namespace eeinfer
