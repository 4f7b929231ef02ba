// The fields of one message of a protocol buffer.
#ifndef EEINFER_GRAPH_PROTOBUF_H
#define EEINFER_GRAPH_PROTOBUF_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace eeinfer::protobuf {

// What is wrong with a graph, as the rest of a sentence that begins with "it".
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Field {
  std::uint32_t number = 0;
  std::string_view bytes;
  std::optional<std::uint64_t> value = std::nullopt;  // of a field that is a number of variable length
};

// The length-delimited fields of a message, for a loop over them; others are stepped over, those that are numbers only
// without `numbers`. Throws Broken.
class Fields {
 public:
  explicit Fields(std::string_view bytes, bool numbers = false) : bytes_(bytes), numbers_(numbers) {}

  class Iterator {
   public:
    Iterator(std::string_view bytes, bool numbers, bool done) : bytes_(bytes), numbers_(numbers), done_(done) {
      if (!done_) ++*this;
    }
    const Field& operator*() const { return field_; }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return done_ != other.done_; }

   private:
    std::uint64_t number();
    [[noreturn]] void fail() const;

    std::string_view bytes_;
    std::size_t at_ = 0;
    bool numbers_, done_;
    Field field_;
  };

  Iterator begin() const { return {bytes_, numbers_, false}; }
  Iterator end() const { return {bytes_, numbers_, true}; }

 private:
  std::string_view bytes_;
  bool numbers_;
};

}  // namespace eeinfer::protobuf

#endif
