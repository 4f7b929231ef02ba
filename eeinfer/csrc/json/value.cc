#include "json/value.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "files/text.h"
#include "json/fault.h"

namespace eeinfer::json {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// Builds the tree without recursion, so that nothing in a file decides how much stack is used.
class Builder {
 public:
  Parsed take() { return {std::move(root_), std::move(fault_)}; }

  bool null() { return put({}); }
  bool boolean(bool value) { return put({value}); }
  bool number_integer(std::int64_t value) { return put({value}); }
  bool number_unsigned(std::uint64_t value) {
    return put({static_cast<std::int64_t>(std::min<std::uint64_t>(value, kMost))});
  }
  bool number_float(double value, const std::string& digits) {
    if (digits.find_first_of(".eE") == std::string::npos) note("has a whole number that does not fit into 64 bits");
    return put({value});
  }
  bool string(std::string& value) { return put({std::move(value)}); }
  bool binary(std::vector<std::uint8_t>&) { return false; }  // no JSON text holds one

  bool start_object(std::size_t) { return open(Value{Value::Object{}}); }
  bool start_array(std::size_t) { return open(Value{Value::List{}}); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (!names_.back().insert(name).second) note("has the field " + in_quotes(name) + " twice");
    std::get<Value::Object>(open_.back()->content).push_back({std::move(name), {}});
    return true;
  }

  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception& error) {
    const std::string_view said = error.what();
    const std::size_t start = said.find("] ");
    const std::string text(start == std::string_view::npos ? said : said.substr(start + 2));
    throw Fault(printable(text) + " (byte " + std::to_string(at) + ")");
  }

 private:
  bool put(Value value) {
    *place() = std::move(value);
    return true;
  }

  bool open(Value value) {
    if (open_.size() >= kDeepest) {
      throw Fault("it has lists or objects more than " + std::to_string(kDeepest) + " deep");
    }
    Value* where = place();
    *where = std::move(value);
    open_.push_back(where);
    names_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    names_.pop_back();
    return true;
  }

  // Where the next value goes. Addresses stay valid: only the innermost list or object grows.
  Value* place() {
    if (open_.empty()) return &root_;
    if (auto* list = std::get_if<Value::List>(&open_.back()->content)) return &list->emplace_back();
    return &std::get<Value::Object>(open_.back()->content).back().value;
  }

  void note(std::string fault) {
    if (!fault_) fault_ = std::move(fault);
  }

  Value root_;
  std::optional<std::string> fault_;
  std::vector<Value*> open_;
  std::vector<std::unordered_set<std::string>> names_;  // of the open objects
};

}  // namespace

Parsed parse(std::string_view bytes) {
  // The library would skip a mark, and take a null character for the end.
  if (starts_with(bytes, "\xef\xbb\xbf")) throw Fault("it begins with a byte order mark");
  if (bytes.find('\0') != std::string_view::npos) throw Fault("it has a null character");
  Builder builder;
  nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &builder);
  return builder.take();
}

}  // namespace eeinfer::json
