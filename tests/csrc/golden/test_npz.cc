#include "golden/npz.h"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "eeinfer/error.h"

using namespace eeinfer;

namespace {

std::filesystem::path place(const char* name) { return std::filesystem::temp_directory_path() / name; }

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("arrays come back as they were written, and no damaged byte goes unnoticed") {
  const std::filesystem::path file = place("eeinfer_test_npz.npz");
  Array numbers{Dtype::float32, {2, 3}, std::vector<std::byte>(24, std::byte{1})}, one{Dtype::int64, {}, std::vector<std::byte>(8)};
  write_npz(file, {{"numbers", numbers}, {"one", one}});
  const NamedArrays found = read_npz(file);
  CHECK(found.at("numbers").shape == Sizes{2, 3});
  CHECK(found.at("numbers").data == numbers.data);
  CHECK(found.at("one").shape.empty());
  const std::string whole = bytes_of(file);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    CHECK_THROWS_AS(read_npz(file), InputError);
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
    try {  // what nobody reads, such as a date, may be anything
      const NamedArrays read = read_npz(file);
      CHECK(read.size() == 2);
      for (const auto& [name, array] : read)
        CHECK(array.data == (array.shape.empty() ? one.data : numbers.data));
    } catch (const InputError&) {
    }
  }
  std::filesystem::remove(file);
  CHECK_THROWS_AS(read_npz(file), InputError);
}
