// Arrays in a file as numpy.savez writes it: a ZIP of .npy files, none of them compressed.
#ifndef EEINFER_GOLDEN_NPZ_H
#define EEINFER_GOLDEN_NPZ_H

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensors.h"

namespace eeinfer {

// A little-endian array in C's order that owns its memory.
struct Array {
  Dtype dtype = Dtype::float32;
  Sizes shape;
  std::vector<std::byte> data;

  std::int64_t count() const { return count_of(shape); }

  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data.data());
  }
};

using NamedArrays = std::map<std::string, Array>;

// Read every array of the file. Throws InputError naming the file, and the entry where one is at fault: it is missing,
// damaged, compressed, encrypted, too large, or holds what is no plain array.
NamedArrays read_npz(const std::filesystem::path& file);

// Write arrays as a file that numpy.load reads. Throws InputError: it cannot be written.
void write_npz(const std::filesystem::path& file, const NamedArrays& arrays);

}  // namespace eeinfer

#endif
