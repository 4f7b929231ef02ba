#include "golden/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "eeinfer/error.h"

namespace eeinfer {
namespace {

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr std::size_t kLengthBytes = 2, kAlignment = 64;

constexpr std::pair<const char*, Dtype> kDescriptions[] = {
    {"|b1", Dtype::boolean}, {"|i1", Dtype::int8},    {"<i2", Dtype::int16},   {"<i4", Dtype::int32},
    {"<i8", Dtype::int64},   {"|u1", Dtype::uint8},   {"<u2", Dtype::uint16},  {"<u4", Dtype::uint32},
    {"<u8", Dtype::uint64},  {"<f2", Dtype::float16}, {"<f4", Dtype::float32}, {"<f8", Dtype::float64},
};

// Reads a header from front to back.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool skip(std::string_view wanted) {
    if (text_.substr(0, wanted.size()) != wanted) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }

  void expect(std::string_view wanted) {
    if (!skip(wanted)) throw InputError("its header is not as NumPy writes it");
  }

  std::string_view until(char end) {
    const std::string_view found = text_.substr(0, text_.find(end));
    text_.remove_prefix(found.size());
    return found;
  }

  std::int64_t number() {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) throw InputError("its shape is none");
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }

 private:
  std::string_view text_;
};

Dtype described(std::string_view text) {
  for (const auto& [name, dtype] : kDescriptions)
    if (text == name) return dtype;
  throw InputError("it holds " + std::string(text) + ", not little-endian numbers");
}

Sizes read_shape(Reader& reader) {
  Sizes shape;
  while (!reader.skip(")")) {
    shape.push_back(reader.number());
    if (!reader.skip(", ")) reader.skip(",");
  }
  return shape;
}

std::size_t bytes_of(const Array& array, std::size_t most) {
  std::size_t bytes = static_cast<std::size_t>(dtype_bytes(array.dtype));
  for (const std::int64_t size : array.shape) {
    if (size != 0 && bytes > most / static_cast<std::size_t>(size)) throw InputError("its shape has more numbers than it");
    bytes *= static_cast<std::size_t>(size);
  }
  return bytes;
}

}  // namespace

Array decode_npy(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kLengthBytes || bytes.substr(0, kMagic.size()) != kMagic)
    throw InputError("it is no array of NumPy's, version 1.0");
  const auto low = static_cast<unsigned char>(bytes[kMagic.size()]), high = static_cast<unsigned char>(bytes[kMagic.size() + 1]);
  const std::size_t start = kMagic.size() + kLengthBytes, length = low + 256u * high;
  if (bytes.size() - start < length) throw InputError("it is truncated");
  Reader header(bytes.substr(start, length));
  Array array;
  header.expect("{'descr': '");
  array.dtype = described(header.until('\''));
  header.expect("', 'fortran_order': False, 'shape': (");
  array.shape = read_shape(header);
  header.expect(", }");
  const std::string_view data = bytes.substr(start + length);
  if (bytes_of(array, data.size()) != data.size()) throw InputError("its shape has another number of numbers than it");
  array.data.resize(data.size());
  if (!data.empty()) std::memcpy(array.data.data(), data.data(), data.size());
  return array;
}

std::string encode_npy(const Array& array) {
  const auto* known = std::find_if(std::begin(kDescriptions), std::end(kDescriptions),
                                   [&](const auto& description) { return description.second == array.dtype; });
  if (known == std::end(kDescriptions)) throw InputError("NumPy has no name for " + std::string(dtype_name(array.dtype)));
  std::string shape;
  for (const std::int64_t size : array.shape) shape += std::to_string(size) + (array.shape.size() == 1 ? "," : ", ");
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  std::string header = "{'descr': '" + std::string(known->first) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const std::size_t before = kMagic.size() + kLengthBytes;
  header.append(kAlignment - (before + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += static_cast<char>(header.size() % 256);
  bytes += static_cast<char>(header.size() / 256);
  return bytes + header + std::string(array.as<char>(), array.data.size());
}

}  // namespace eeinfer
