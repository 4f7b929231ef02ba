// 8-bit images scaled as Pillow scales them, to the last bit, so that a bundle sees what it saw in training.
//
// Source: the resampling of Pillow (src/libImaging/Resample.c and Geometry.c), which computes in whole numbers of 22 bits
// behind the point; tests/native holds it to Pillow itself.
#ifndef EEINFER_ENGINE_RESIZE_H
#define EEINFER_ENGINE_RESIZE_H

#include <cstdint>
#include <string>
#include <vector>

namespace eeinfer {

// Rows of pixels, one byte each: one channel of an image.
struct Plane {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [height * width]
};

// Scale to height x width. interpolation: nearest, bilinear or bicubic.
Plane scaled(const Plane& plane, std::int64_t height, std::int64_t width, const std::string& interpolation);

}  // namespace eeinfer

#endif
