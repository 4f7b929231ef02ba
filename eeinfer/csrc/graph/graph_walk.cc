// An ONNX file is a protocol buffer: fields of a number, a wire type and a value (numbers from onnx.proto, which never
// change). Every message that can hold a tensor, a node or a graph is walked, wherever it stands. Only graphs lie in
// graphs without end, and their depth is limited.
#include "eeinfer/graph_walk.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "eeinfer/error.h"
#include "files/text.h"
#include "graph/protobuf.h"

namespace eeinfer {
namespace {

using protobuf::Broken;
using protobuf::Field;
using protobuf::Fields;

constexpr int kMostNodes = 200'000;         // of a file
constexpr int kDeepest = 16;                // graphs inside graphs
constexpr std::size_t kMostDigits = 18;     // of an offset or a length
constexpr std::uint64_t kHighestType = 31;  // numbers of onnx's data types end before

constexpr std::uint64_t kNoSize = ~std::uint64_t{0};  // that no axis has

// Numbers of fields.
namespace model { constexpr std::uint32_t graph = 7, training = 20, function = 25; }
namespace graph { constexpr std::uint32_t node = 1, initializer = 5, input = 11, output = 12, sparse = 15; }
namespace node { constexpr std::uint32_t attribute = 5, domain = 7; }
namespace attribute { constexpr std::uint32_t t = 5, g = 6, tensors = 10, graphs = 11, sparse = 22, sparses = 23; }
namespace sparse { constexpr std::uint32_t values = 1, indices = 2; }
namespace tensor { constexpr std::uint32_t type = 2, external = 13; }

std::string text_in(std::string_view bytes) {
  if (!is_utf8(bytes)) throw Broken("has a name that is no text");
  return std::string(bytes);
}

std::int64_t number_in(std::string_view digits) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || digits.size() > kMostDigits || !std::all_of(digits.begin(), digits.end(), is_digit)) {
    throw Broken("has external data at " + in_quotes(text_in(digits)) + ", which is no number of bytes");
  }
  std::int64_t number = 0;
  for (const char digit : digits) number = number * 10 + (digit - '0');
  return number;
}

// Where one message may stand, readers merge two: each by itself would look harmless.
void check_single(const char* kind, int count) {
  if (count > 1) throw Broken(std::string("has a ") + kind + " twice where one may stand");
}

// What stands in an input or output and in the messages in it: all but axes once.
enum class Part { none, value, name, type, tensor_type, data_type, shape, axis, size };

Part part_of(Part message, std::uint32_t number) {
  const bool is_first = number == 1, is_second = number == 2;
  switch (message) {
    case Part::value:
      return is_first ? Part::name : is_second ? Part::type : Part::none;
    case Part::type:  // one of several
      return is_first || number == 4 || number == 5 || (number >= 7 && number <= 9) ? Part::tensor_type : Part::none;
    case Part::tensor_type:
      return is_first ? Part::data_type : is_second ? Part::shape : Part::none;
    case Part::shape:
      return is_first ? Part::axis : Part::none;
    case Part::axis:  // a number or a name
      return is_first || is_second ? Part::size : Part::none;
    default:
      return Part::none;
  }
}

// Names of values and of axes must be text: libraries fail to say them otherwise.
void check_value(std::string_view bytes, Part message) {
  constexpr const char* kNames[] = {"", "", "name", "type", "tensor type", "data type", "shape", "axis", "size"};
  int seen[std::size(kNames)] = {};
  for (const Field& field : Fields(bytes, true)) {
    const Part part = part_of(message, field.number);
    if (part == Part::none) continue;
    const auto at = static_cast<std::size_t>(part);
    if (part != Part::axis) check_single(kNames[at], ++seen[at]);
    if (field.value) continue;
    if (part == Part::name || part == Part::size) {
      text_in(field.bytes);
    } else if (part != Part::data_type) {
      check_value(field.bytes, part);
    }
  }
}

bool has_unknown_type(std::string_view bytes, std::uint32_t number) {
  bool unknown = false;
  for (const Field& field : Fields(bytes, true))
    unknown = unknown || (field.number == number && field.value && *field.value > kHighestType);
  return unknown;
}

// The last size that stands in an axis, which counts to readers; nothing where none does.
std::optional<std::uint64_t> size_of(std::string_view axis) {
  std::optional<std::uint64_t> size;
  for (const Field& field : Fields(axis, true))
    if (field.number == 1 && field.value) size = field.value;
  return size;
}

template <class Look>
void each(std::string_view bytes, std::uint32_t number, const Look& look) {
  for (const Field& field : Fields(bytes))
    if (field.number == number) look(field.bytes);
}

BundleError refused(const std::string& where, const Broken& fault) {
  return BundleError(where + " is no ONNX graph of a bundle, it " + fault.what() +
                     "; copy the bundle again or export it again");
}

// What one input or output is declared to be; nothing where its shape is not said.
std::optional<Declared> declared_in(std::string_view value) {
  Declared found;
  bool is_known = false;
  each(value, 1, [&](std::string_view name) { found.name = name; });
  each(value, 2, [&](std::string_view type) {
    each(type, 1, [&](std::string_view tensor_type) {
      if (has_unknown_type(tensor_type, 1)) is_known = true, found.sizes.push_back(kNoSize);
      each(tensor_type, 2, [&](std::string_view shape) {
        is_known = true;
        each(shape, 1, [&](std::string_view axis) { found.sizes.push_back(size_of(axis)); });
      });
    });
  });
  return is_known ? std::optional(found) : std::nullopt;
}

class Walk {
 public:
  Walk(std::string_view data, Domains domains) : data_(data), domains_(domains) {}

  std::vector<Reference> run() {
    int graphs = 0;
    for (const Field& field : Fields(data_)) {
      if (field.number == model::training) throw Broken("holds a training graph");
      if (field.number == model::function) throw Broken("holds functions of its own");
      if (field.number != model::graph) continue;
      check_single("graph", ++graphs);
      walk_graph(field.bytes, 1);
    }
    if (graphs == 0) throw Broken("has no graph");
    return std::move(found_);
  }

 private:
  void walk_graph(std::string_view bytes, int depth) {
    if (depth > kDeepest) throw Broken("has graphs inside graphs, more than " + std::to_string(kDeepest) + " deep");
    for (const Field& field : Fields(bytes)) {
      if (field.number == graph::node) walk_node(field.bytes, depth);
      if (field.number == graph::initializer) walk_values(field.bytes, false);
      if (field.number == graph::sparse) walk_values(field.bytes, true);
      if (field.number == graph::input || field.number == graph::output) check_value(field.bytes, Part::value);
    }
  }

  void walk_node(std::string_view bytes, int depth) {
    if (++nodes_ > kMostNodes) throw Broken("has more than " + std::to_string(kMostNodes) + " nodes");
    for (const Field& field : Fields(bytes)) {
      if (field.number == node::attribute) walk_attribute(field.bytes, depth);
      if (field.number == node::domain && !is_known(field.bytes)) {
        throw Broken("has an operator of the domain " + in_quotes(text_in(field.bytes)));
      }
    }
  }

  void walk_attribute(std::string_view bytes, int depth) {
    int tensors = 0, graphs = 0, sparses = 0;
    for (const Field& field : Fields(bytes)) {
      if (field.number == attribute::t) check_single("tensor", ++tensors);
      if (field.number == attribute::g) check_single("graph", ++graphs);
      if (field.number == attribute::sparse) check_single("sparse tensor", ++sparses);
      switch (field.number) {
        case attribute::g:
        case attribute::graphs:
          walk_graph(field.bytes, depth + 1);
          break;
        case attribute::t:
        case attribute::tensors:
          walk_values(field.bytes, false);
          break;
        case attribute::sparse:
        case attribute::sparses:
          walk_values(field.bytes, true);
          break;
        default:
          break;
      }
    }
  }

  // A tensor, or the two of a sparse one.
  void walk_values(std::string_view bytes, bool is_sparse) {
    if (!is_sparse) return walk_tensor(bytes);
    int values = 0, indices = 0;
    for (const Field& field : Fields(bytes)) {
      if (field.number != sparse::values && field.number != sparse::indices) continue;
      check_single("tensor", field.number == sparse::values ? ++values : ++indices);
      walk_tensor(field.bytes);
    }
  }

  void walk_tensor(std::string_view bytes) {
    if (has_unknown_type(bytes, tensor::type)) throw Broken("has a tensor of an unknown data type");
    if (bytes.find("location") == std::string_view::npos) return;  // its numbers lie in it
    std::map<std::string_view, std::string_view> entries;
    for (const Field& field : Fields(bytes)) {
      if (field.number != tensor::external) continue;
      std::string_view key, value;
      for (const Field& part : Fields(field.bytes)) {
        if (part.number == 1) key = part.bytes;
        if (part.number == 2) value = part.bytes;
      }
      const bool known = key == "location" || key == "offset" || key == "length" || key == "checksum";
      if (!known || !entries.emplace(key, value).second) {
        throw Broken("has external data with the key " + in_quotes(text_in(key)) + ", unknown or given twice");
      }
    }
    if (!entries.empty()) note(entries);
  }

  void note(const std::map<std::string_view, std::string_view>& entries) {
    const auto location = entries.find("location"), offset = entries.find("offset"), length = entries.find("length");
    if (location == entries.end()) throw Broken("has external data without a location");
    Reference reference;
    if (length != entries.end()) reference.length = number_in(length->second);
    if (offset != entries.end()) reference.offset = number_in(offset->second);
    reference.location = text_in(location->second);
    found_.push_back(std::move(reference));
  }

  bool is_known(std::string_view domain) const {
    if (domain.empty() || domain == "ai.onnx") return true;
    if (domains_ == Domains::standard) return false;
    return domain == "com.microsoft" || domain == "com.microsoft.nchwc" || domain == "com.ms.internal.nhwc";
  }

  std::string_view data_;
  Domains domains_;
  int nodes_ = 0;
  std::vector<Reference> found_;
};

}  // namespace

std::vector<Reference> references(std::string_view data, const std::string& where, Domains domains) {
  try {
    return Walk(data, domains).run();
  } catch (const Broken& fault) {
    throw refused(where, fault);
  }
}

std::vector<Declared> declared(std::string_view data, const std::string& where) {
  std::vector<Declared> all;
  try {
    for (const std::uint32_t end : {graph::input, graph::output})
      each(data, model::graph, [&](std::string_view graph) {
        each(graph, end, [&](std::string_view value) {
          if (auto found = declared_in(value)) all.push_back(std::move(*found));
        });
      });
  } catch (const Broken& fault) {
    throw refused(where, fault);
  }
  return all;
}

}  // namespace eeinfer
