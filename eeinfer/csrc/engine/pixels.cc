#include "engine/pixels.h"

#include <algorithm>

#include "eeinfer/error.h"
#include "engine/resize.h"
#include "engine/text.h"

namespace eeinfer {
namespace {

constexpr double kMostPixels = 89'478'485;  // of one image, before and after scaling, as in Python

const Preprocess& rule_of(const Input& input) {
  if (!input.preprocess)
    throw InputError("the bundle says nothing about 8-bit images; give " + batch_text(input.tensor) + ", prepared as in training");
  return *input.preprocess;
}

// [H, W, 3] would pass for a batch of H images three pixels wide: the likelier mistake is refused.
bool is_grey_batch(const View& view, std::int64_t height, std::int64_t width) {
  const bool several_channels = view.shape[2] >= 2 && view.shape[2] <= 4;
  return !several_channels || (view.shape[1] == height && view.shape[2] == width);
}

void check_size(std::int64_t rows, std::int64_t columns, const std::string& made_from) {
  if (static_cast<double>(rows) * static_cast<double>(columns) > kMostPixels)
    throw InputError(made_from + " has " + std::to_string(columns) + " x " + std::to_string(rows) +
                     " pixels, more than the 89,478,485 that are taken; cut or scale it");
}

// Half a pixel is rounded to the even side, as Python does.
std::int64_t margin(std::int64_t size, std::int64_t wanted) {
  const std::int64_t over = size - wanted, half = over / 2;
  return over % 2 == 0 || half % 2 == 0 ? half : half + 1;
}

// The size that an image is scaled to before it is cut.
std::pair<std::int64_t, std::int64_t> scaled_size(const Pixels& image, const Preprocess& rule, std::int64_t height,
                                                  std::int64_t width) {
  if (!rule.resize) return {height, width};
  const std::int64_t side = std::min(image.height, image.width);
  const std::int64_t rows = *rule.resize * image.height / side, columns = *rule.resize * image.width / side;
  check_size(rows, columns,
             "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                 " pixels, its shorter side scaled to " + std::to_string(*rule.resize) + ",");
  return {rows, columns};
}

Plane plane_of(const Pixels& image, std::int64_t channel) {
  Plane plane{image.height, image.width, {}};
  const std::int64_t count = image.height * image.width;
  plane.pixels.resize(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    plane.pixels[static_cast<std::size_t>(i)] = image.data[i * image.channels + channel];
  return plane;
}

// Pixels that lie `step` apart become floats; two roundings, as NumPy does.
void write_row(const std::uint8_t* from, std::int64_t step, std::int64_t count, float scale, float shift, float* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float scaled = static_cast<float>(from[i * step]) * scale;
    to[i] = scaled + shift;
  }
}

void write_image(const Pixels& image, const Preprocess& rule, std::int64_t height, std::int64_t width, float* out) {
  const auto [rows, columns] = scaled_size(image, rule, height, width);
  const bool fits = rows == image.height && columns == image.width;
  const std::int64_t top = margin(rows, height), left = margin(columns, width);
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const double std = rule.std[static_cast<std::size_t>(c)], mean = rule.mean[static_cast<std::size_t>(c)];
    const auto scale = static_cast<float>(1 / (255 * std)), shift = static_cast<float>(-mean / std);
    const Plane plane = fits ? Plane{} : scaled(plane_of(image, c), rows, columns, rule.interpolation);
    const std::uint8_t* pixels = fits ? image.data + c : plane.pixels.data();
    const std::int64_t step = fits ? image.channels : 1;
    for (std::int64_t y = 0; y < height; ++y, out += width)
      write_row(pixels + ((top + y) * columns + left) * step, step, width, scale, shift, out);
  }
}

}  // namespace

bool is_pixels(const View& view, const Input& input) {
  const Dtype dtype = input.tensor.dtype;
  return view.dtype == Dtype::uint8 && (dtype == Dtype::float16 || dtype == Dtype::float32 || dtype == Dtype::float64);
}

Pixels as_pixels(const View& view, const Input& input) {
  rule_of(input);
  const std::vector<std::int64_t> wanted = input.tensor.sizes();
  const std::int64_t channels = wanted[0];
  const auto* data = static_cast<const std::uint8_t*>(view.data);
  const auto& shape = view.shape;
  if (std::any_of(shape.begin(), shape.begin() + view.rank, [](std::int64_t size) { return size <= 0; }))
    throw InputError("no images: the array is empty, " + shape_text(view) + "; give at least one image with pixels");
  if (view.rank == 2 && channels == 1) return {data, 1, shape[0], shape[1], 1};
  if (view.rank == 3 && shape[2] == channels) return {data, 1, shape[0], shape[1], channels};
  if (view.rank == 3 && channels == 1 && is_grey_batch(view, wanted[1], wanted[2]))
    return {data, shape[0], shape[1], shape[2], 1};
  if (view.rank == 4 && shape[3] == channels) return {data, shape[0], shape[1], shape[2], channels};
  const std::string single = channels == 1 ? "uint8 [H, W]" : "uint8 [H, W, " + std::to_string(channels) + "]";
  throw InputError("8-bit images have the shape " + shape_text(view) + "; the network reads " + std::to_string(channels) +
                   " channel(s), the last axis: give " + single + " or a batch of them");
}

void normalise(const Pixels& pixels, const Input& input, float* out) {
  const Preprocess& rule = rule_of(input);
  const std::vector<std::int64_t> sizes = input.tensor.sizes();
  Pixels image = pixels;
  image.images = 1;
  for (std::int64_t i = 0; i < pixels.images; ++i) {
    image.data = pixels.data + i * pixels.height * pixels.width * pixels.channels;
    write_image(image, rule, sizes[1], sizes[2], out + i * sizes[0] * sizes[1] * sizes[2]);
  }
}

}  // namespace eeinfer
