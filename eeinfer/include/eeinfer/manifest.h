// The manifest: what a bundle says about itself. docs/bundle.md says it field by field.
//
// What no engine needs (the parity report, the shift report, the provenance) is checked and dropped. Shapes leave out
// axis 0, which is always the batch.
#ifndef EEINFER_MANIFEST_H
#define EEINFER_MANIFEST_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "eeinfer/dtype.h"
#include "eeinfer/eeinfer.h"  // EEINFER_API

namespace eeinfer {

constexpr int kFormatVersion = 3;
constexpr int kOldestVersion = 1;
constexpr char kManifestName[] = "manifest.json";
constexpr char kModelName[] = "model.onnx";

// How an 8-bit image becomes the input: resize, crop, scale to [0, 1], subtract mean, divide by std.
struct Preprocess {
  std::optional<std::int64_t> resize;  // pixels of the shorter side before the crop; nothing: straight to the input size
  std::string interpolation;           // nearest, bilinear or bicubic
  std::vector<double> mean;            // one per channel, on the scale [0, 1]
  std::vector<double> std;
};

// The sizes that a named dynamic axis may have, both included.
struct Axis {
  std::int64_t min = 1;
  std::int64_t max = 1;
};

using Axes = std::map<std::string, Axis>;
using Lengths = std::map<std::string, std::int64_t>;  // of the dynamic axes, in one call
using Size = std::variant<std::int64_t, std::string>;  // a number, or the name of a dynamic axis

// A named tensor with the batch on axis 0.
struct EEINFER_API TensorSpec {
  std::string name;
  Dtype dtype = Dtype::float32;
  std::vector<Size> shape;            // without the batch
  std::optional<std::string> shares;  // the tensor of the same segment in whose memory this one lies

  // The shape without names. Throws BundleError where `lengths` does not say how long a dynamic axis is.
  std::vector<std::int64_t> sizes(const Lengths& lengths = {}) const;
};

bool operator==(const TensorSpec& one, const TensorSpec& other);
bool operator!=(const TensorSpec& one, const TensorSpec& other);

// A tensor that the caller gives.
struct Input {
  TensorSpec tensor;
  std::optional<Preprocess> preprocess;  // nothing: the caller prepares the tensor
};

// One exit's engine: everything that must be computed after exit k-1 to decide exit k.
struct Segment {
  std::string file;
  std::vector<TensorSpec> inputs;   // inputs of the bundle, or tensors carried from earlier segments
  std::vector<TensorSpec> carried;  // outputs that later segments read
  std::string module;               // where in the network this exit sits, for people
  std::int64_t flops = 0;           // of this segment alone, one row
  std::int64_t cumulative_flops = 0;
};

// How the costs were counted. One multiply-add counts as one.
struct Flops {
  std::string convention;
  std::int64_t static_network = 0;  // "static" in manifests: the network without its early exits, one row
};

// What a file of the bundle must be.
struct FileHash {
  std::string sha256;
  std::int64_t bytes = 0;
};

// The files of a folder in the order of its record, each name once.
class Files {
 public:
  using Entry = std::pair<std::string, FileHash>;

  void add(std::string name, FileHash file);
  const FileHash* find(const std::string& name) const;  // null where it is not listed
  std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  std::vector<Entry>::const_iterator end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }

 private:
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> places_;
};

// The whole of manifest.json, in the words of the newest format.
struct Manifest {
  int format_version = kFormatVersion;  // of the file that was read
  std::string name;
  std::vector<Input> inputs;
  Axes axes;
  std::vector<std::string> classes;
  std::string score;        // what the exits are judged by, for people
  std::vector<double> taus;  // one default threshold per exit
  std::vector<Segment> segments;
  Flops flops;
  double tolerance = 0;  // largest absolute error in float32 logits that the export allowed
  std::string precision;              // of the network's body
  std::optional<std::string> device;  // where the graphs are made to run: cpu or cuda; nothing: anywhere
  Files files;
};

// Read manifest.json strictly and check that it holds together.
//
// bytes: the whole file. path: its place, for messages. Throws BundleError: not JSON, truncated, altered, a format that
// is not read, an unknown, missing or doubled field, a value of a wrong type, or a manifest that no engine could run.
Manifest parse_manifest(std::string_view bytes, const std::string& path);

}  // namespace eeinfer

#endif
