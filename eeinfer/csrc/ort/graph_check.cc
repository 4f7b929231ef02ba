// What is looked at before a segment runs: whether its graph is the one that the manifest describes.
#include <algorithm>
#include <map>

#include "eeinfer/error.h"
#include "eeinfer/layout.h"
#include "ort/dtypes.h"
#include "ort/session.h"

namespace eeinfer::ort {
namespace {

struct Node {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::vector<Size> sizes;  // a name, perhaps an empty one, where the graph fixes none
};

using Nodes = std::vector<std::pair<std::string, Node>>;

Node read_node(const OrtApi& api, const OrtTypeInfo* info) {
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  check(api, api.CastTypeInfoToTensorInfo(info, &tensor));
  Node node;
  if (tensor == nullptr) return node;  // a sequence or a map: no type that a manifest has
  check(api, api.GetTensorElementType(tensor, &node.type));
  std::size_t rank = 0;
  check(api, api.GetDimensionsCount(tensor, &rank));
  std::vector<std::int64_t> sizes(rank);
  std::vector<const char*> names(rank);
  check(api, api.GetDimensions(tensor, sizes.data(), rank));
  check(api, api.GetSymbolicDimensions(tensor, names.data(), rank));
  for (std::size_t i = 0; i < rank; ++i)
    node.sizes.push_back(sizes[i] >= 0 ? Size(sizes[i]) : Size(std::string(names[i] == nullptr ? "" : names[i])));
  return node;
}

// The inputs or outputs of a session, by the functions of the API that tell of one side.
template <class Count, class Name, class Type>
Nodes read_nodes(const OrtApi& api, const OrtSession* session, Count count, Name name, Type type) {
  OrtAllocator* allocator = nullptr;
  check(api, api.GetAllocatorWithDefaultOptions(&allocator));
  std::size_t nodes = 0;
  check(api, count(session, &nodes));
  Nodes found;
  for (std::size_t i = 0; i < nodes; ++i) {
    char* text = nullptr;
    check(api, name(session, i, allocator, &text));
    const std::string copy = text;
    check(api, api.AllocatorFree(allocator, text));
    auto info = make<TypeInfoPtr>(api, type, session, i);
    found.emplace_back(copy, read_node(api, info.get()));
  }
  return found;
}

std::string quoted(const Size& size) {
  const auto* number = std::get_if<std::int64_t>(&size);
  return number != nullptr ? std::to_string(*number) : "'" + std::get<std::string>(size) + "'";
}

std::string text(ONNXTensorElementDataType type, std::vector<Size> sizes) {
  std::string all;
  for (const Size& size : sizes) all += (all.empty() ? "" : ", ") + quoted(size);
  return type_text(type) + " [" + all + "]";
}

bool fits(const std::vector<Size>& sizes, const TensorSpec& spec) {
  const auto fixed = [](const Size& size) { return std::holds_alternative<std::int64_t>(size); };
  if (sizes.size() != spec.shape.size() + 1 || fixed(sizes[0])) return false;  // a fixed batch cannot shrink
  return std::equal(sizes.begin() + 1, sizes.end(), spec.shape.begin(),
                    [&](const Size& size, const Size& wanted) { return !fixed(size) || size == wanted; });
}

void check_tensor(const Node& node, const TensorSpec& spec, const std::string& where) {
  if (node.type == element_type(spec.dtype) && fits(node.sizes, spec)) return;
  std::vector<Size> wanted = {std::string("batch")};
  wanted.insert(wanted.end(), spec.shape.begin(), spec.shape.end());
  throw BundleError(where + " has '" + spec.name + "' as " + text(node.type, node.sizes) + ", the manifest as " +
                    text(element_type(spec.dtype), wanted) + "; export it again");
}

void check_side(const char* side, const Nodes& nodes, const std::vector<TensorSpec>& specs, const std::string& where) {
  const std::map<std::string, Node> found(nodes.begin(), nodes.end());
  std::string has, wants;
  for (const auto& node : nodes) has += (has.empty() ? "" : ", ") + node.first;
  for (const TensorSpec& spec : specs) wants += (wants.empty() ? "" : ", ") + spec.name;
  const bool all = std::all_of(specs.begin(), specs.end(), [&](const auto& spec) { return found.count(spec.name) == 1; });
  if (!all || found.size() != specs.size())
    throw BundleError(where + " has the " + side + "s " + has + ", the manifest " + wants + "; export it again");
  for (const TensorSpec& spec : specs) check_tensor(found.at(spec.name), spec, where);
}

}  // namespace

void Session::check_graph(const Segment& segment, std::int64_t classes, const std::filesystem::path& file) const {
  const OrtApi& a = api();
  std::vector<TensorSpec> outputs = exit_specs(classes);
  outputs.insert(outputs.end(), segment.carried.begin(), segment.carried.end());
  const std::string where = file.u8string();
  try {
    check_side("input", read_nodes(a, get(), a.SessionGetInputCount, a.SessionGetInputName, a.SessionGetInputTypeInfo),
               segment.inputs, where);
    check_side("output", read_nodes(a, get(), a.SessionGetOutputCount, a.SessionGetOutputName, a.SessionGetOutputTypeInfo),
               outputs, where);
  } catch (const Failure& failure) {
    throw BundleError("ONNX Runtime cannot tell what " + where + " reads and makes: " + failure.what());
  }
}

}  // namespace eeinfer::ort
