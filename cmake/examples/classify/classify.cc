// classify BUNDLE IMAGE [TAU]: which class an image is of, by which exit, and how sure that exit was.
#include <eeinfer/engine.h>

#include <cstdlib>
#include <iostream>

#include "image_file.h"

int main(int count, char** arguments) try {
  if (count < 3) return std::cerr << "give a bundle, an image and perhaps a threshold\n", 2;
  const eeinfer::Engine engine(arguments[1]);
  const Image image = read_image(arguments[2]);
  eeinfer::RunOptions options;
  if (count > 3) options.tau = std::strtof(arguments[3], nullptr);
  const eeinfer::View pixels(image.pixels.data(), {image.height, image.width, image.channels});
  const eeinfer::Result result = engine.run(pixels, options);
  std::cout << engine.manifest().classes[static_cast<std::size_t>(result.predictions[0])] << " at exit " << result.exits[0]
            << ", score " << result.scores[0] << ", " << result.latency_ms << " ms\n";
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
