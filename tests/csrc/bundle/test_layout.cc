#include <doctest/doctest.h>

#include <limits>

#include "eeinfer/error.h"
#include "eeinfer/layout.h"

using namespace eeinfer;

namespace {

TensorSpec spec(const char* name, std::vector<Size> shape, Dtype dtype = Dtype::float32) {
  return {name, dtype, std::move(shape), std::nullopt};
}

Segment segment(std::vector<TensorSpec> inputs, std::vector<TensorSpec> carried) {
  Segment found;
  found.inputs = std::move(inputs);
  found.carried = std::move(carried);
  return found;
}

std::string names(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& found : specs) text += found.name + " ";
  return text;
}

// `early` passes segment 1 unread; `words` has a dynamic axis.
Manifest manifest() {
  const TensorSpec image = spec("image", {3, 8, 8}), early = spec("early", {4}), words = spec("words", {std::string("length")}, Dtype::int64);
  Manifest found;
  found.inputs = {{image, std::nullopt}};
  found.axes = {{"length", {1, 10}}};
  found.segments = {segment({image}, {early, words}), segment({words}, {}), segment({early, image}, {})};
  return found;
}

}  // namespace

TEST_CASE("a tensor is alive as long as a later segment reads it") {
  const auto found = alive(manifest());
  REQUIRE(found.size() == 3);
  CHECK(names(found[0]) == "image early words ");
  CHECK(names(found[1]) == "image early ");
  CHECK(names(found[2]).empty());
  const auto last = last_reads(manifest());
  CHECK(last[0].empty());
  CHECK(last[1] == std::vector<std::string>{"words"});
  CHECK(last[2] == std::vector<std::string>{"early", "image"});
}

TEST_CASE("bytes are counted at the longest axes") {
  CHECK(bytes_in_front(manifest()) == std::vector<std::int64_t>{0, 768 + 16 + 80, 768 + 16});
  CHECK(bytes_per_sample(spec("flag", {}, Dtype::boolean)) == 1);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(bytes_per_sample(spec("huge", {std::int64_t{1} << 40, std::int64_t{1} << 40})) == most);
  CHECK_THROWS_WITH_AS(bytes_per_sample(spec("ids", {std::string("length")})),
                       "'ids' has the dynamic axis 'length'; give an input that says how long it is", BundleError);
}

TEST_CASE("exits answer logits, score and prediction") {
  const auto specs = exit_specs(7);
  CHECK(names(specs) == "logits score prediction ");
  CHECK(specs[0].sizes() == std::vector<std::int64_t>{7});
  CHECK(specs[2].dtype == Dtype::int64);
}
