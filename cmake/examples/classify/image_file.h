// Images as PGM and PPM files hold them: the plainest formats there are, which `convert photo.jpg photo.ppm` writes.
#ifndef CLASSIFY_IMAGE_FILE_H
#define CLASSIFY_IMAGE_FILE_H

#include <cstdint>
#include <string>
#include <vector>

struct Image {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // [height, width, channels]
};

// Read a binary PGM (P5) or PPM (P6) of 8 bits. Throws std::runtime_error naming the file.
Image read_image(const std::string& file);

#endif
