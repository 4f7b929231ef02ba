// Any bytes as the files of a bundle, behind a manifest that vouches for them: an answer or a BundleError, nothing else.
//
// The first byte says what the rest is: a graph, a whole bundle's manifest, graph and weights, or the record of a form.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "eeinfer/bundle.h"
#include "eeinfer/error.h"
#include "eeinfer/files/sha256.h"
#include "eeinfer/form.h"
#include "eeinfer/graph_walk.h"

namespace {

namespace fs = std::filesystem;

// A folder of its own that lasts as long as the process.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("eeinfer-fuzz-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::string listed(const char* name, std::string_view content) {
  return "\"" + std::string(name) + "\": {\"sha256\": \"" + eeinfer::sha256_of(content.data(), content.size()) +
         "\", \"bytes\": " + std::to_string(content.size()) + "}";
}

constexpr char kExit[] = "{\"max_abs_error\": 0, \"predictions_equal\": true, \"decisions_equal\": 1}";
constexpr char kTensor[] = "{\"name\": \"input\", \"dtype\": \"float32\", \"shape\": [4]}";

// The manifest of one segment, in the second format, which has no checksum.
std::string manifest_of(std::string_view graph, std::string_view weights) {
  return std::string("{\"format_version\": 2, \"name\": \"fuzz\", \"input\": {\"tensor\": ") + kTensor +
         "}, \"classes\": [\"a\", \"b\"], \"score\": \"own\", \"taus\": [0.5], \"segments\": [{\"file\": "
         "\"segment_00.onnx\", \"inputs\": [" + kTensor + "], \"carried\": [], \"module\": \"\", \"flops\": 1, "
         "\"cumulative_flops\": 1}], \"flops\": {\"convention\": \"\", \"static\": 1, \"uncounted\": {}}, \"parity\": "
         "{\"tolerance\": 1, \"batch_sizes\": [], \"inputs\": [], \"taus\": [], \"exits\": [" + kExit + "]}, "
         "\"provenance\": {}, \"files\": {" + listed("model.onnx", "") + ", " + listed("segment_00.onnx", graph) + ", " +
         listed("weights.bin", weights) + "}}";
}

void open_bundle(const fs::path& folder, std::string_view graph, std::string_view weights, const std::string& manifest) {
  write(folder / "model.onnx", "");
  write(folder / "segment_00.onnx", graph);
  write(folder / "weights.bin", weights);
  write(folder / "manifest.json", manifest);
  eeinfer::Bundle::open(folder);
}

// A record that is anything at all in the place where the form of a sound bundle lies.
void open_form(const fs::path& folder, std::string_view record) {
  const std::string manifest = manifest_of(std::string_view("\x3a\x00", 2), "");
  write(folder / "model.onnx", "");
  write(folder / "segment_00.onnx", std::string_view("\x3a\x00", 2));
  write(folder / "weights.bin", "");
  write(folder / "manifest.json", manifest);
  const eeinfer::Bundle bundle = eeinfer::Bundle::open(folder, false);
  const fs::path place = folder / "engines" / ("onnxruntime-" + eeinfer::form_key(bundle, "1.0.0"));
  fs::create_directories(place);
  write(place / "build.json", record);
  eeinfer::open_form(bundle, place, "1.0.0");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        eeinfer::references(rest, "m.onnx");
        break;
      case 1:
        open_bundle(folder.path, rest, rest.substr(rest.size() / 2), manifest_of(rest, rest.substr(rest.size() / 2)));
        break;
      case 2:
        open_bundle(folder.path, std::string_view("\x3a\x00", 2), "", std::string(rest));
        break;
      default:
        open_form(folder.path, rest);
    }
  } catch (const eeinfer::BundleError&) {
  }
  return 0;
}
