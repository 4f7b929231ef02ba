// ONNX Runtime, loaded when it is needed: a program that is linked to one release refuses the next.
#ifndef EEINFER_ORT_LIBRARY_H
#define EEINFER_ORT_LIBRARY_H

#include <filesystem>
#include <string>

#include "ort/api.h"

namespace eeinfer::ort {

// A loaded ONNX Runtime. It stays loaded until the process ends: its threads outlive whoever would unload it.
struct Library {
  const OrtApiBase* base = nullptr;
  const OrtApi* api = nullptr;
  std::string version;  // such as "1.32.0"
};

// Find and load ONNX Runtime 1.21 or newer.
//
// base: the host's, in place of a file; null: load one. file: that file and no other; empty: the first that loads of the
// file or folder that EEINFER_ONNXRUNTIME names, what lies beside our own library, the wheel in the Python environment
// that our library lies in, and the system's. Throws DependencyError: none loads, naming what was tried, or it is too old.
Library load_library(const OrtApiBase* base, const std::filesystem::path& file);

}  // namespace eeinfer::ort

#endif
