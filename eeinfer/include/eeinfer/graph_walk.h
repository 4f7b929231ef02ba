// What an ONNX graph would read and do beyond its own file, found without a library of ONNX, and what is refused.
#ifndef EEINFER_GRAPH_WALK_H
#define EEINFER_GRAPH_WALK_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eeinfer {

// Of the operators that a graph may have: those of a bundle, or also what ONNX Runtime makes of them.
enum class Domains { standard, optimised };

// A tensor whose numbers lie in another file.
struct Reference {
  std::string location;                // as the graph names it
  std::int64_t offset = 0;             // bytes from its start
  std::optional<std::int64_t> length;  // bytes; nothing where the graph does not say
};

// All external data that the ONNX model in `data` reads. where: its place, for messages.
//
// Throws BundleError: it is no ONNX model, holds functions or a training graph, operators of another domain, external data
// that is not stated as onnx defines it, or more nodes or nested graphs than any network.
std::vector<Reference> references(std::string_view data, const std::string& where, Domains domains = Domains::standard);

// An input or output of a graph. Of a type that onnx does not have the shape is one that nothing has.
struct Declared {
  std::string name;
  std::vector<std::optional<std::uint64_t>> sizes;  // nothing: any
};

// The inputs and outputs, as far as they have a shape, of the ONNX model in `data`. Throws BundleError: it is none.
std::vector<Declared> declared(std::string_view data, const std::string& where);

}  // namespace eeinfer

#endif
