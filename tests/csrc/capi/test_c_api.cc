#include <onnxruntime_c_api.h>

#include <cmath>
#include <cstring>

#include "eeinfer/eeinfer.h"
#include "shipped.h"

namespace {

// The shipped bundle, opened with one thread a segment.
struct Opened {
  eeinfer_engine* engine = nullptr;

  Opened() {
    eeinfer_options options{};
    options.size = sizeof options;
    options.threads = "1";
    REQUIRE(eeinfer_open(shipped::kBundle, &options, &engine) == EEINFER_OK);
  }
  ~Opened() { eeinfer_close(engine); }
};

struct Images {
  std::vector<std::uint8_t> pixels;
  std::int64_t shape[4];
  eeinfer_tensor tensor;

  explicit Images(std::int64_t images)
      : pixels(shipped::pixels(images)), shape{images, shipped::kSide, shipped::kSide, 1},
        tensor{nullptr, "uint8", 4, shape, pixels.data()} {}
};

struct Answers {
  std::vector<std::int64_t> exits, predictions;
  std::vector<float> scores;
  eeinfer_result result{};

  explicit Answers(std::int64_t rows)
      : exits(static_cast<std::size_t>(rows)), predictions(exits.size()), scores(exits.size()) {
    result.size = sizeof result;
    result.rows = rows;
    result.exits = exits.data();
    result.predictions = predictions.data();
    result.scores = scores.data();
  }
};

bool failed_with(const char* text) { return std::strstr(eeinfer_last_error(), text) != nullptr; }

const OrtApi* ORT_API_CALL no_api(std::uint32_t) noexcept { return nullptr; }
const char* ORT_API_CALL old_version() noexcept { return "1.20.1"; }

}  // namespace

TEST_CASE("C: null pointers and bad settings are refused in a sentence") {
  eeinfer_engine* engine = nullptr;
  CHECK(eeinfer_open(nullptr, nullptr, &engine) == EEINFER_INPUT);
  CHECK(eeinfer_open(shipped::kBundle, nullptr, nullptr) == EEINFER_INPUT);
  CHECK(eeinfer_open("none.eeb", nullptr, &engine) == EEINFER_BUNDLE);
  CHECK(failed_with("none.eeb"));
  eeinfer_options options{};
  CHECK(eeinfer_open(shipped::kBundle, &options, &engine) == EEINFER_CONFIG);  // its size is 0
  options.size = sizeof options;
  options.threads = "many";
  CHECK(eeinfer_open(shipped::kBundle, &options, &engine) != EEINFER_OK);
  CHECK(engine == nullptr);
  CHECK(eeinfer_run(nullptr, nullptr, 0, nullptr, INFINITY, nullptr) == EEINFER_INPUT);
  CHECK(eeinfer_exits(nullptr) == -1);
  CHECK(eeinfer_name(nullptr) == nullptr);
  eeinfer_close(nullptr);
  eeinfer_lane_free(nullptr);
  eeinfer_batch_end(nullptr);
}

TEST_CASE("C: an ONNX Runtime that is too old is refused by its version") {
  const OrtApiBase old{no_api, old_version};
  eeinfer_options options{};
  options.size = sizeof options;
  options.ort_api_base = &old;
  eeinfer_engine* engine = nullptr;
  CHECK(eeinfer_open(shipped::kBundle, &options, &engine) == EEINFER_DEPENDENCY);
  CHECK(failed_with("1.20.1"));
}

TEST_CASE("C: tensors that the bundle does not take are refused, and nothing is written") {
  NEEDS_ONNXRUNTIME();
  const Opened opened;
  Images images(3);
  Answers answers(3);
  answers.exits.assign(3, 77);
  const auto run = [&] { return eeinfer_run(opened.engine, &images.tensor, 1, nullptr, INFINITY, &answers.result); };
  images.tensor.dtype = "float64";
  CHECK(run() == EEINFER_INPUT);
  images.tensor.dtype = "complex64";
  CHECK(run() == EEINFER_INPUT);
  images.tensor.dtype = nullptr;
  CHECK(run() == EEINFER_INPUT);
  images.tensor.dtype = "uint8";
  images.tensor.data = nullptr;
  CHECK(run() == EEINFER_INPUT);
  images.tensor.data = images.pixels.data();
  images.tensor.name = "another";
  CHECK(run() == EEINFER_INPUT);
  CHECK(failed_with("another"));
  images.tensor.name = nullptr;
  images.shape[3] = 2;
  CHECK(run() == EEINFER_INPUT);
  images.shape[3] = std::int64_t{1} << 60;
  CHECK(run() == EEINFER_INPUT);
  images.shape[3] = 1;
  answers.result.rows = 2;
  CHECK(run() == EEINFER_INPUT);
  CHECK(failed_with("3 rows"));
  CHECK(answers.exits == std::vector<std::int64_t>(3, 77));
  answers.result.rows = 3;
  CHECK(run() == EEINFER_OK);
}

TEST_CASE("C: a lane, a batch and a joined batch answer as whole calls") {
  NEEDS_ONNXRUNTIME();
  const Opened opened;
  const auto exits = static_cast<std::size_t>(eeinfer_exits(opened.engine));
  const std::vector<float> taus(exits, 0.5f);
  Images images(4), single(1);
  Answers whole(4), one(1);
  REQUIRE(eeinfer_run(opened.engine, &images.tensor, 1, taus.data(), INFINITY, &whole.result) == EEINFER_OK);
  REQUIRE(eeinfer_run(opened.engine, &single.tensor, 1, taus.data(), INFINITY, &one.result) == EEINFER_OK);

  eeinfer_lane* lane = nullptr;
  REQUIRE(eeinfer_lane_new(opened.engine, &lane) == EEINFER_OK);
  REQUIRE(eeinfer_lane_load(lane, &single.tensor, 1) == EEINFER_OK);
  CHECK(eeinfer_lane_load(lane, &images.tensor, 1) == EEINFER_INPUT);
  std::int32_t exit = -1;
  float score = 0;
  REQUIRE(eeinfer_lane_run(lane, taus.data(), INFINITY, &exit, &score, nullptr) == EEINFER_OK);
  CHECK(exit == one.exits[0]);
  CHECK(score == one.scores[0]);
  CHECK(eeinfer_lane_step(lane, 99, &score) == EEINFER_INPUT);

  void* place = nullptr;
  CHECK(eeinfer_lane_input(lane, 1, &place) == EEINFER_INPUT);
  REQUIRE(eeinfer_lane_input(lane, 0, &place) == EEINFER_OK);
  auto* const pixels = static_cast<float*>(place);
  const float kept = pixels[0];
  std::uint8_t near = 1;
  for (const float broken : {NAN, INFINITY, -INFINITY}) {
    pixels[0] = broken;
    REQUIRE(eeinfer_lane_answer(lane, taus.data(), INFINITY, &exit, &score, &near) == EEINFER_OK);
    CHECK(exit == -1);
    CHECK(std::isnan(score));
    CHECK(near == 0);
  }
  pixels[0] = kept;
  REQUIRE(eeinfer_lane_answer(lane, taus.data(), INFINITY, &exit, &score, nullptr) == EEINFER_OK);
  CHECK(exit == one.exits[0]);
  CHECK(score == one.scores[0]);
  CHECK(eeinfer_lane_answer(lane, nullptr, INFINITY, &exit, &score, nullptr) == EEINFER_INPUT);
  eeinfer_lane_free(lane);

  eeinfer_batch *first = nullptr, *second = nullptr, *both = nullptr;
  const std::int64_t numbers[] = {4, 5, 6, 7};
  REQUIRE(eeinfer_batch_start(opened.engine, &images.tensor, 1, nullptr, taus.data(), INFINITY, &first) == EEINFER_OK);
  REQUIRE(eeinfer_batch_start(opened.engine, &images.tensor, 1, numbers, taus.data(), INFINITY, &second) == EEINFER_OK);
  CHECK(eeinfer_batch_join(first, first, &both) == EEINFER_INPUT);
  REQUIRE(eeinfer_batch_join(first, second, &both) == EEINFER_OK);
  std::vector<std::int64_t> left(8, -1);
  eeinfer_step step{};
  CHECK(eeinfer_batch_step(both, &step) == EEINFER_INPUT);  // its size is 0
  step.size = sizeof step;
  do {
    REQUIRE(eeinfer_batch_step(both, &step) == EEINFER_OK);
    for (std::int64_t i = 0; i < step.leaving; ++i) left[static_cast<std::size_t>(step.rows[i])] = step.k;
    REQUIRE(eeinfer_batch_leave(both) == EEINFER_OK);
  } while (step.left > 0);
  CHECK(eeinfer_batch_step(both, &step) == EEINFER_INPUT);
  eeinfer_batch_end(both);
  for (std::size_t row = 0; row < 8; ++row) CHECK(left[row] == whole.exits[row % 4]);
}

#if !defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
TEST_CASE("C: a freed handle is noticed in debug builds") {
  NEEDS_ONNXRUNTIME();
  const Opened opened;
  eeinfer_lane* lane = nullptr;
  REQUIRE(eeinfer_lane_new(opened.engine, &lane) == EEINFER_OK);
  eeinfer_lane_free(lane);
  CHECK(eeinfer_lane_step(lane, 0, nullptr) == EEINFER_INPUT);
  CHECK(failed_with("freed"));
}
#endif
