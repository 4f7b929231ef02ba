// The fields of one message of a protocol buffer.
#ifndef EEINFER_GRAPH_PROTOBUF_H
#define EEINFER_GRAPH_PROTOBUF_H

#include <cstddef>
#include <cstdint>
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
};

// The length-delimited fields of a message, for a loop over them; others are stepped over. Throws Broken.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  class Iterator {
   public:
    Iterator(std::string_view bytes, bool done) : bytes_(bytes), done_(done) {
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
    bool done_;
    Field field_;
  };

  Iterator begin() const { return {bytes_, false}; }
  Iterator end() const { return {bytes_, true}; }

 private:
  std::string_view bytes_;
};

}  // namespace eeinfer::protobuf

#endif
