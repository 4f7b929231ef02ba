// The bundle that the package ships, for tests of what needs ONNX Runtime: 28 x 28 grey pixels, 10 classes.
#ifndef EEINFER_TESTS_SHIPPED_H
#define EEINFER_TESTS_SHIPPED_H

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "eeinfer/error.h"
#include "ort/library.h"

// Leave the test case where no ONNX Runtime can be loaded, and say so; EEINFER_ONNXRUNTIME names one.
#define NEEDS_ONNXRUNTIME()                                    \
  try {                                                        \
    eeinfer::ort::load_library(nullptr, {});                   \
  } catch (const eeinfer::DependencyError& error) {            \
    MESSAGE("skipped: " << std::string(error.what()));         \
    return;                                                    \
  }

namespace shipped {

constexpr const char* kBundle = EEINFER_SHIPPED_BUNDLE;
constexpr std::int64_t kSide = 28;

// Some images, each another one.
inline std::vector<std::uint8_t> pixels(std::int64_t images) {
  std::vector<std::uint8_t> made(static_cast<std::size_t>(images * kSide * kSide));
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < made.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    const std::size_t image = i / static_cast<std::size_t>(kSide * kSide), bright = (i / 7 + image * 3) % 11;
    made[i] = static_cast<std::uint8_t>(bright < image % 8 ? state >> 24 : 20 * (image % 5));
  }
  return made;
}

}  // namespace shipped

#endif
