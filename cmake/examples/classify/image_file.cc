#include "image_file.h"

#include <fstream>
#include <stdexcept>

namespace {

// The next number of a header, behind white space and comments.
std::int64_t next_number(std::istream& stream) {
  while ((stream >> std::ws).peek() == '#') stream.ignore(1 << 16, '\n');
  std::int64_t number = 0;
  stream >> number;
  return number;
}

}  // namespace

Image read_image(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  char letter = 0, kind = 0;
  stream.get(letter).get(kind);
  Image image;
  image.width = next_number(stream);
  image.height = next_number(stream);
  image.channels = kind == '6' ? 3 : 1;
  const bool eight_bits = next_number(stream) == 255;
  stream.get();
  const bool fits = image.width > 0 && image.height > 0 && image.width <= 1 << 15 && image.height <= 1 << 15;
  if (!stream || letter != 'P' || (kind != '5' && kind != '6') || !eight_bits || !fits)
    throw std::runtime_error(file + " is no PGM or PPM image of 8 bits; make one with: convert photo.jpg photo.ppm");
  image.pixels.resize(static_cast<std::size_t>(image.width * image.height * image.channels));
  if (!stream.read(reinterpret_cast<char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size())))
    throw std::runtime_error(file + " is truncated; copy it again");
  return image;
}
