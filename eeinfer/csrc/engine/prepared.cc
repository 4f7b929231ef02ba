#include "engine/prepared.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "eeinfer/error.h"
#include "engine/pixels.h"
#include "engine/text.h"
#include "engine/whole_numbers.h"
#include "finite.h"

namespace eeinfer {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 47;  // of one tensor: what a process can address

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text.empty() ? "none" : text;
}

std::vector<std::string> names_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const Input& input : manifest.inputs) names.push_back(input.tensor.name);
  return names;
}

// Whether rows of these sizes have the input's shape, its dynamic axes being of any size but 0.
bool fits(const std::int64_t* sizes, std::size_t rank, const TensorSpec& spec) {
  if (rank != spec.shape.size()) return false;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto* wanted = std::get_if<std::int64_t>(&spec.shape[i]);
    if (wanted != nullptr ? sizes[i] != *wanted : sizes[i] <= 0) return false;
  }
  return true;
}

InputError mismatch(const View& view, bool dtype_differs, bool shape_differs, const Input& input) {
  const bool pixels = input.preprocess.has_value();
  const std::string rows = pixels ? "images" : "rows", wanted = batch_text(input.tensor);
  if (dtype_differs)
    return InputError(rows + " have the dtype " + std::string(dtype_name(view.dtype)) + "; the network reads " + wanted +
                      ": convert them to " + std::string(dtype_name(input.tensor.dtype)) +
                      (pixels ? ", or give 8-bit pixels as uint8" : ""));
  if (shape_differs)
    return InputError(rows + " have the shape " + shape_text(view) + "; the network reads " + wanted +
                      (pixels ? "; give 8-bit pixels as uint8 to have them resized" : ""));
  return InputError("no " + rows + ": the batch is empty, " + shape_text(view) + "; give at least one row");
}

// Refuse a shape that no memory holds, before anything is computed from it.
void check_memory(const View& view, const std::string& name) {
  std::int64_t left = kMostBytes / dtype_bytes(view.dtype);
  for (int i = 0; i < view.rank; ++i) {
    const std::int64_t size = view.shape[static_cast<std::size_t>(i)];
    if (size < 0 || (size > 0 && (left /= size) == 0))
      throw InputError("input '" + name + "' has the shape " + shape_text(view) + "; give the sizes of a tensor in memory");
  }
}

// Let a prepared tensor be an input, in place where it lies as backends read it; whole numbers may become wider.
void take_tensor(const View& view, const Input& input, Tensor& tensor, std::vector<std::byte>& memory) {
  const TensorSpec& spec = input.tensor;
  const bool one_row = static_cast<std::size_t>(view.rank) == spec.shape.size();
  const std::int64_t* sizes = view.shape.data() + (one_row ? 0 : 1);
  const std::size_t rank = static_cast<std::size_t>(std::max(view.rank - (one_row ? 0 : 1), 0));
  const bool wider = view.dtype != spec.dtype && can_widen(view.dtype, spec.dtype);
  const bool dtype_differs = view.dtype != spec.dtype && !wider;
  const bool shape_differs = view.rank == 0 || !fits(sizes, rank, spec);
  const std::int64_t rows = one_row ? 1 : view.shape[0];
  if (dtype_differs || shape_differs || rows <= 0) throw mismatch(view, dtype_differs, shape_differs, input);
  tensor.dtype = spec.dtype;
  tensor.shape.assign(sizes, sizes + rank);
  tensor.rows = rows;
  tensor.data = static_cast<const std::byte*>(view.data);
  const std::size_t bytes = tensor.row_bytes() * static_cast<std::size_t>(rows);
  const bool aligned = reinterpret_cast<std::uintptr_t>(view.data) % static_cast<std::size_t>(dtype_bytes(spec.dtype)) == 0;
  if (!wider && aligned) return;
  memory.resize(bytes);
  if (wider)
    widen(view.data, view.dtype, spec.dtype, rows * count_of(tensor.shape), memory.data());
  else
    std::memcpy(memory.data(), view.data, bytes);
  tensor.data = memory.data();
}

void take_pixels(const View& view, const Input& input, Tensor& tensor, std::vector<std::byte>& memory) {
  const Pixels pixels = as_pixels(view, input);
  tensor.dtype = input.tensor.dtype;
  tensor.shape = input.tensor.sizes();
  tensor.rows = pixels.images;
  memory.resize(tensor.row_bytes() * static_cast<std::size_t>(pixels.images));
  normalise(pixels, input, reinterpret_cast<float*>(memory.data()));
  tensor.data = memory.data();
}

void check_rows(const Inputs& inputs, const Manifest& manifest) {
  const auto differs = [&](const Tensor& tensor) { return tensor.rows != inputs.front().rows; };
  if (std::none_of(inputs.begin(), inputs.end(), differs)) return;
  std::string text;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    text += (text.empty() ? "'" : ", '") + manifest.inputs[i].tensor.name + "' has " + std::to_string(inputs[i].rows);
  throw InputError("the inputs of one call have as many rows as one another, but " + text);
}

// Refuse dynamic axes that are too short or too long, or differ from one input to another.
void check_lengths(const Inputs& inputs, const Manifest& manifest) {
  std::map<std::string, std::pair<std::string, std::int64_t>> found;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = manifest.inputs[i].tensor;
    for (std::size_t at = 0; at < spec.shape.size(); ++at) {
      const auto* axis = std::get_if<std::string>(&spec.shape[at]);
      if (axis == nullptr) continue;
      const std::int64_t size = inputs[i].shape[at];
      const Axis& bounds = manifest.axes.at(*axis);
      if (size < bounds.min || size > bounds.max)
        throw InputError("input '" + spec.name + "' is " + std::to_string(size) + " on the axis '" + *axis +
                         "'; the bundle takes " + std::to_string(bounds.min) + " to " + std::to_string(bounds.max));
      const auto& [name, known] = found.emplace(*axis, std::make_pair(spec.name, size)).first->second;
      if (known != size)
        throw InputError("the axis '" + *axis + "' is " + std::to_string(known) + " in '" + name + "' and " +
                         std::to_string(size) + " in '" + spec.name + "'; pad both to one length");
    }
  }
}

bool row_is_finite(const Tensor& tensor, std::size_t row) {
  const std::byte* data = tensor.data + row * tensor.row_bytes();
  return all_finite(tensor.dtype, data, static_cast<std::size_t>(count_of(tensor.shape)));
}

}  // namespace

void Prepared::prepare(const View* views, std::size_t count, const Manifest& manifest) {
  const std::size_t inputs = manifest.inputs.size();
  inputs_.resize(inputs);
  memory_.resize(inputs);
  for (std::size_t i = 0; i < inputs; ++i) {
    const Input& input = manifest.inputs[i];
    const View& view = view_of(views, count, manifest, i);
    const auto take = is_pixels(view, input) ? take_pixels : take_tensor;
    if (view.name.empty()) {
      take(view, input, inputs_[i], memory_[i]);
    } else {
      try {
        take(view, input, inputs_[i], memory_[i]);
      } catch (const InputError& error) {
        throw InputError("input '" + input.tensor.name + "': " + error.what());
      }
    }
  }
  check_rows(inputs_, manifest);
  if (!manifest.axes.empty()) check_lengths(inputs_, manifest);
}

const View& Prepared::view_of(const View* views, std::size_t count, const Manifest& manifest, std::size_t input) const {
  const std::string& name = manifest.inputs[input].tensor.name;
  std::vector<std::string> given;
  const View* found = nullptr;
  if (count == manifest.inputs.size())
    for (std::size_t i = 0; i < count; ++i)
      if (views[i].name == name || (count == 1 && views[i].name.empty())) found = found == nullptr ? &views[i] : found;
  if (found != nullptr) {
    if (found->data == nullptr) throw InputError("input '" + name + "' has no data: its pointer is null");
    check_memory(*found, name);
    return *found;
  }
  for (std::size_t i = 0; i < count; ++i) given.emplace_back(views[i].name);
  if (std::all_of(given.begin(), given.end(), [](const std::string& text) { return text.empty(); }) && count > 0)
    throw InputError("the bundle reads " + names_text(names_of(manifest)) + "; give one tensor for each, with its name");
  throw InputError("the inputs given are " + names_text(given) + "; the bundle reads " + names_text(names_of(manifest)));
}

const std::vector<std::uint8_t>& Prepared::find_finite() {
  finite_.assign(static_cast<std::size_t>(rows()), 1);
  for (const Tensor& tensor : inputs_)
    for (std::size_t row = 0; row < finite_.size(); ++row) finite_[row] &= row_is_finite(tensor, row) ? 1 : 0;
  return finite_;
}

void Prepared::take(const std::vector<std::int64_t>& rows) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::size_t bytes = inputs_[i].row_bytes();
    std::vector<std::byte> copy(bytes * rows.size());
    for (std::size_t to = 0; to < rows.size(); ++to)
      std::memcpy(copy.data() + to * bytes, inputs_[i].data + static_cast<std::size_t>(rows[to]) * bytes, bytes);
    memory_[i] = std::move(copy);
    inputs_[i].data = memory_[i].data();
    inputs_[i].rows = static_cast<std::int64_t>(rows.size());
  }
}

void Prepared::own() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].data == memory_[i].data()) continue;
    memory_[i].assign(inputs_[i].data, inputs_[i].data + inputs_[i].row_bytes() * static_cast<std::size_t>(rows()));
    inputs_[i].data = memory_[i].data();
  }
}

}  // namespace eeinfer
