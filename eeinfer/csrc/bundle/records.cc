#include "bundle/records.h"

#include "files/text.h"

namespace eeinfer {
namespace {

Size read_size(const json::Node& node, TensorWords words) {
  if (words == TensorWords::earlier) return node.whole();
  if (node.is_text()) return node.text();
  return node.whole("int | str");
}

std::string tensor_text(const std::string& name, std::string_view dtype, const std::vector<Size>& shape) {
  std::string text = in_quotes(name) + " " + printable(dtype) + " [batch";
  for (const Size& size : shape) {
    const auto* number = std::get_if<std::int64_t>(&size);
    text += ", " + (number != nullptr ? std::to_string(*number) : printable(std::get<std::string>(size)));
  }
  return text + "]";
}

FileHash read_file(const json::Node& node) {
  const json::Record record(node, {"sha256", "bytes"});
  return {record.needed("sha256").text(), record.needed("bytes").whole()};
}

}  // namespace

std::string text_of(const TensorSpec& spec) { return tensor_text(spec.name, dtype_name(spec.dtype), spec.shape); }

TensorSpec read_tensor(const json::Node& node, TensorWords words) {
  const json::Record record = words == TensorWords::newest ? json::Record(node, {"name", "dtype", "shape", "shares"})
                                                           : json::Record(node, {"name", "dtype", "shape"});
  TensorSpec spec;
  spec.name = record.needed("name").text();
  const std::string& dtype = record.needed("dtype").text();
  spec.shape = record.needed("shape").each([&](const json::Node& size) { return read_size(size, words); });
  if (words == TensorWords::newest) {
    if (const auto shares = record.given("shares")) {
      spec.shares = shares->unless_null([](const json::Node& name) { return name.text(); });
    }
  } else if (const std::size_t mark = spec.name.find('@'); mark != std::string::npos) {
    spec.shares = spec.name.substr(0, mark);
  }
  const std::optional<Dtype> known = dtype_named(dtype);
  if (!known || spec.name.empty()) {
    throw Problem("a tensor without a usable name or dtype, " + tensor_text(spec.name, dtype, spec.shape));
  }
  spec.dtype = *known;
  return spec;
}

Segment read_segment(const json::Node& node, TensorWords words) {
  const auto tensor = [&](const json::Node& inner) { return read_tensor(inner, words); };
  const json::Record record(node, {"file", "inputs", "carried", "module", "flops", "cumulative_flops"});
  Segment segment;
  segment.file = record.needed("file").text();
  try {
    segment.inputs = record.needed("inputs").each(tensor);
    segment.carried = record.needed("carried").each(tensor);
  } catch (const Problem& problem) {
    throw Problem("(" + printable(segment.file) + ") carries " + problem.what());
  }
  segment.module = record.needed("module").text();
  segment.flops = record.needed("flops").whole();
  segment.cumulative_flops = record.needed("cumulative_flops").whole();
  return segment;
}

Files read_files(const json::Node& node) {
  Files files;
  for (const auto& [name, file] : node.members()) files.add(name, read_file(file));
  return files;
}

}  // namespace eeinfer
