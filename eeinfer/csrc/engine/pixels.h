// 8-bit images become what a network reads: scaled, cut, normalised, channels first.
#ifndef EEINFER_ENGINE_PIXELS_H
#define EEINFER_ENGINE_PIXELS_H

#include <cstdint>

#include "eeinfer/manifest.h"
#include "eeinfer/view.h"

namespace eeinfer {

// 8-bit images as a caller gave them, [images, height, width, channels].
struct Pixels {
  const std::uint8_t* data = nullptr;
  std::int64_t images = 0, height = 0, width = 0, channels = 0;
};

// Whether a view is 8-bit pixels to be prepared; to an input of whole numbers they are whole numbers.
bool is_pixels(const View& view, const Input& input);

// See a view of any accepted rank as images. Throws InputError: another count of channels, or a bundle that says nothing
// about images.
Pixels as_pixels(const View& view, const Input& input);

// Write the input tensor, float32 [images, C, H, W], to `out`. Throws InputError: a scaled image would be too large.
void normalise(const Pixels& pixels, const Input& input, float* out);

}  // namespace eeinfer

#endif
