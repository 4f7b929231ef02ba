#include "engine/resize.h"

#include <algorithm>
#include <cmath>

namespace eeinfer {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;  // of a weight, behind the point

// How a filter weighs what lies `x` pixels away, and from how far away nothing counts.
struct Filter {
  double (*weight)(double x);
  double support;
};

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Which pixels make one pixel of the result, and by what weights.
struct Window {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

std::int32_t fixed(double weight) {
  constexpr int one = 1 << kPrecisionBits;
  return static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * one);
}

Window window(std::int64_t at, std::int64_t from, double scale, const Filter& filter) {
  const double wide = std::max(scale, 1.0), support = filter.support * wide, step = 1.0 / wide;
  const double center = (static_cast<double>(at) + 0.5) * scale;
  const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - support + 0.5), 0);
  const auto end = std::min(static_cast<std::int64_t>(center + support + 0.5), from);
  std::vector<double> weights;
  double sum = 0.0;
  for (std::int64_t x = 0; x < end - first; ++x) {
    weights.push_back(filter.weight((static_cast<double>(x + first) - center + 0.5) * step));
    sum += weights.back();
  }
  Window made{first, {}};
  for (const double weight : weights) made.weights.push_back(fixed(sum != 0.0 ? weight / sum : weight));
  return made;
}

std::vector<Window> windows(std::int64_t from, std::int64_t to, const Filter& filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  std::vector<Window> made;
  for (std::int64_t at = 0; at < to; ++at) made.push_back(window(at, from, scale, filter));
  return made;
}

// One pixel of pixels that lie `stride` apart.
std::uint8_t weighed(const Window& window, const std::uint8_t* pixels, std::int64_t stride) {
  std::int32_t sum = 1 << (kPrecisionBits - 1);
  const std::uint8_t* pixel = pixels + window.first * stride;
  for (const std::int32_t weight : window.weights) {
    sum += *pixel * weight;
    pixel += stride;
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

Plane across(const Plane& plane, std::int64_t width, const Filter& filter) {
  Plane made{plane.height, width, std::vector<std::uint8_t>(static_cast<std::size_t>(plane.height * width))};
  const std::vector<Window> all = windows(plane.width, width, filter);
  std::uint8_t* to = made.pixels.data();
  for (std::int64_t y = 0; y < plane.height; ++y)
    for (const Window& window : all) *to++ = weighed(window, plane.pixels.data() + y * plane.width, 1);
  return made;
}

Plane down(const Plane& plane, std::int64_t height, const Filter& filter) {
  Plane made{height, plane.width, std::vector<std::uint8_t>(static_cast<std::size_t>(height * plane.width))};
  std::uint8_t* to = made.pixels.data();
  for (const Window& window : windows(plane.height, height, filter))
    for (std::int64_t x = 0; x < plane.width; ++x) *to++ = weighed(window, plane.pixels.data() + x, plane.width);
  return made;
}

// Which pixel is the nearest to each of the result: the places are added up, as Pillow does, not multiplied.
std::vector<std::int64_t> nearest_places(std::int64_t from, std::int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  std::vector<std::int64_t> places;
  double at = step * 0.5;
  for (std::int64_t i = 0; i < to; ++i, at += step) places.push_back(static_cast<std::int64_t>(at));
  return places;
}

Plane nearest(const Plane& plane, std::int64_t height, std::int64_t width) {
  Plane made{height, width, {}};
  made.pixels.reserve(static_cast<std::size_t>(height * width));
  const std::vector<std::int64_t> columns = nearest_places(plane.width, width);
  for (const std::int64_t y : nearest_places(plane.height, height))
    for (const std::int64_t x : columns) {
      const bool inside = y < plane.height && x < plane.width;  // what was added up may end beyond
      made.pixels.push_back(inside ? plane.pixels[static_cast<std::size_t>(y * plane.width + x)] : std::uint8_t{0});
    }
  return made;
}

}  // namespace

Plane scaled(const Plane& plane, std::int64_t height, std::int64_t width, const std::string& interpolation) {
  if (plane.height == height && plane.width == width) return plane;
  if (interpolation == "nearest") return nearest(plane, height, width);
  const Filter filter = interpolation == "bicubic" ? Filter{bicubic, 2.0} : Filter{bilinear, 1.0};
  const Plane wide = plane.width == width ? plane : across(plane, width, filter);
  return wide.height == height ? wide : down(wide, height, filter);
}

}  // namespace eeinfer
