// What is wrong with a record, as the part of a sentence: whoever knows its place says the rest.
#ifndef EEINFER_JSON_FAULT_H
#define EEINFER_JSON_FAULT_H

#include <stdexcept>

namespace eeinfer::json {

// It is no JSON, or none that we read.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// It is JSON with an unknown or missing field, or a value of a wrong type.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace eeinfer::json

#endif
