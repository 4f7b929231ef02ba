// One array as numpy.save writes it, version 1.0.
#ifndef EEINFER_GOLDEN_NPY_H
#define EEINFER_GOLDEN_NPY_H

#include <string>
#include <string_view>

#include "golden/npz.h"

namespace eeinfer {

// Throws InputError saying what is wrong with it, without the file.
Array decode_npy(std::string_view bytes);

std::string encode_npy(const Array& array);

}  // namespace eeinfer

#endif
