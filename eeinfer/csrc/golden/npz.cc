#include "golden/npz.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "eeinfer/error.h"
#include "eeinfer/files/crc32.h"
#include "golden/npy.h"

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr std::uint16_t kVersion = 20, kEncrypted = 1, kDay = 33;  // the earliest day that a ZIP can say
constexpr std::uintmax_t kMostBytes = 1u << 30;
constexpr std::string_view kSuffix = ".npy";

// A file in memory, read at places that its own bytes say; none of them is believed.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  std::string_view at(std::size_t place, std::size_t count) const {
    if (place > bytes_.size() || count > bytes_.size() - place) throw InputError("it is truncated");
    return bytes_.substr(place, count);
  }

  std::uint32_t number(std::size_t place, std::size_t count) const {
    std::uint32_t value = 0;
    const std::string_view digits = at(place, count);
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(digits[i]);
    return value;
  }

  std::size_t size() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

std::string read_file(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error || !fs::is_regular_file(file, error)) throw InputError("there is no such file");
  if (size > kMostBytes) throw InputError("it has more than " + std::to_string(kMostBytes) + " bytes");
  std::ifstream stream(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) throw InputError("it cannot be read");
  return bytes;
}

// What the entry of the central directory at `place` describes.
std::string_view content_of(const Bytes& bytes, std::size_t place) {
  if ((bytes.number(place + 8, 2) & kEncrypted) != 0) throw InputError("it is encrypted");
  if (bytes.number(place + 10, 2) != 0 || bytes.number(place + 20, 4) != bytes.number(place + 24, 4))
    throw InputError("it is compressed");
  const std::uint32_t sum = bytes.number(place + 16, 4), size = bytes.number(place + 20, 4), local = bytes.number(place + 42, 4);
  if (bytes.number(local, 4) != kLocal) throw InputError("it is not where the file says");
  const std::size_t start = local + kLocalBytes + bytes.number(local + 26, 2) + bytes.number(local + 28, 2);
  const std::string_view content = bytes.at(start, size);
  if (crc32(0, content.data(), content.size()) != sum) throw InputError("it is damaged: its CRC-32 is another");
  return content;
}

NamedArrays read_entries(const Bytes& bytes) {
  const std::size_t end = bytes.size() < kEndBytes ? 0 : bytes.size() - kEndBytes;
  if (bytes.number(end, 4) != kEnd) throw InputError("it is no ZIP file as NumPy writes it");
  NamedArrays found;
  std::size_t place = bytes.number(end + 16, 4);
  for (std::uint32_t left = bytes.number(end + 10, 2); left > 0; --left) {
    if (bytes.number(place, 4) != kCentral) throw InputError("its directory is damaged");
    const std::size_t length = bytes.number(place + 28, 2);
    std::string name(bytes.at(place + kCentralBytes, length));
    if (name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix)
      name.resize(name.size() - kSuffix.size());
    try {
      if (!found.emplace(name, decode_npy(content_of(bytes, place))).second) throw InputError("it is there twice");
    } catch (const InputError& error) {
      throw InputError("entry " + name + ": " + error.what());
    }
    place += kCentralBytes + length + bytes.number(place + 30, 2) + bytes.number(place + 32, 2);
  }
  return found;
}

void put(std::string& bytes, std::uint32_t value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i, value >>= 8) bytes += static_cast<char>(value & 255);
}

// What the local header and the directory say alike.
std::string described(const std::string& name, const std::string& content) {
  std::string bytes;
  put(bytes, kVersion, 2);
  put(bytes, 0, 4);  // flags, stored
  put(bytes, 0, 2);
  put(bytes, kDay, 2);
  put(bytes, crc32(0, content.data(), content.size()), 4);
  put(bytes, static_cast<std::uint32_t>(content.size()), 4);
  put(bytes, static_cast<std::uint32_t>(content.size()), 4);
  put(bytes, static_cast<std::uint32_t>(name.size()), 2);
  put(bytes, 0, 2);
  return bytes;
}

std::string encode(const NamedArrays& arrays) {
  std::string bytes, directory;
  for (const auto& [key, array] : arrays) {
    const std::string name = key + std::string(kSuffix), content = encode_npy(array), both = described(name, content);
    put(directory, kCentral, 4);
    put(directory, kVersion, 2);
    directory += both;
    put(directory, 0, 10);  // comment, disk, attributes
    put(directory, static_cast<std::uint32_t>(bytes.size()), 4);
    directory += name;
    put(bytes, kLocal, 4);
    bytes += both + name + content;
  }
  const auto start = static_cast<std::uint32_t>(bytes.size()), count = static_cast<std::uint32_t>(arrays.size());
  bytes += directory;
  put(bytes, kEnd, 4);
  put(bytes, 0, 4);
  put(bytes, count, 2);
  put(bytes, count, 2);
  put(bytes, static_cast<std::uint32_t>(directory.size()), 4);
  put(bytes, start, 4);
  put(bytes, 0, 2);
  return bytes;
}

}  // namespace

NamedArrays read_npz(const fs::path& file) {
  try {
    const std::string bytes = read_file(file);
    return read_entries(Bytes(bytes));
  } catch (const InputError& error) {
    throw InputError(file.u8string() + " is no readable .npz file: " + error.what());
  }
}

void write_npz(const fs::path& file, const NamedArrays& arrays) {
  const std::string bytes = encode(arrays);
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) throw InputError(file.u8string() + " cannot be written; name a file in a folder that can");
}

}  // namespace eeinfer
