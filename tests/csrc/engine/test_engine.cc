#include "eeinfer/engine.h"

#include <cmath>
#include <thread>

#include "shipped.h"

using namespace eeinfer;

namespace {

View view_of(const std::vector<std::uint8_t>& pixels) {
  const auto images = static_cast<std::int64_t>(pixels.size()) / (shipped::kSide * shipped::kSide);
  return {pixels.data(), {images, shipped::kSide, shipped::kSide, 1}};
}

Engine opened() {
  EngineOptions options;
  options.threads = 1;
  return Engine(shipped::kBundle, options);
}

void check_same(const Result& one, const Result& other) {
  CHECK(one.exits == other.exits);
  CHECK(one.predictions == other.predictions);
  CHECK(one.scores == other.scores);
  CHECK(one.logits == other.logits);
}

std::vector<std::int64_t> exits_at(const Engine& engine, const View& view, RunOptions options) {
  return engine.run(view, options).exits;
}

}  // namespace

TEST_CASE("thresholds decide where rows leave, and a deadline of nothing lets all leave at the first exit") {
  NEEDS_ONNXRUNTIME();
  const Engine engine = opened();
  const std::vector<std::uint8_t> pixels = shipped::pixels(9);
  const auto last = static_cast<std::int64_t>(engine.manifest().segments.size()) - 1;
  RunOptions options;
  options.tau = 0.0f;
  CHECK(exits_at(engine, view_of(pixels), options) == std::vector<std::int64_t>(9, 0));
  options.tau = 1.0f;
  CHECK(exits_at(engine, view_of(pixels), options) == std::vector<std::int64_t>(9, last));
  options.deadline_ms = 0;
  CHECK(exits_at(engine, view_of(pixels), options) == std::vector<std::int64_t>(9, 0));
  options.tau = 1.5f;
  CHECK_THROWS_AS(engine.run(view_of(pixels), options), InputError);
  options.tau = {0.5f, 0.5f};
  CHECK_THROWS_AS(engine.run(view_of(pixels), options), InputError);
  options = {};
  options.deadline_ms = -1;
  CHECK_THROWS_AS(engine.run(view_of(pixels), options), InputError);
}

TEST_CASE("eight threads get from one engine what one thread gets") {
  NEEDS_ONNXRUNTIME();
  const Engine engine = opened();
  const std::vector<std::uint8_t> pixels = shipped::pixels(12), single = shipped::pixels(1);
  RunOptions options;
  options.tau = 0.5f;
  const Result batch = engine.run(view_of(pixels), options), one = engine.run(view_of(single), options);
  std::vector<std::thread> threads;
  std::vector<Result> batches(8), ones(8);
  for (std::size_t i = 0; i < batches.size(); ++i)
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 20; ++turn) {
        batches[i] = engine.run(view_of(pixels), options);
        ones[i] = engine.run(view_of(single), options);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < batches.size(); ++i) check_same(batches[i], batch), check_same(ones[i], one);
}

TEST_CASE("a stream hands out every row once, the sure ones first, and may be left in the middle") {
  NEEDS_ONNXRUNTIME();
  const Engine engine = opened();
  const std::vector<std::uint8_t> pixels = shipped::pixels(12);
  RunOptions options;
  options.tau = 0.5f;
  Stream stream = engine.stream({view_of(pixels)}, options);
  std::vector<int> seen(12);
  std::int64_t before = -1;
  while (const auto part = stream.next()) {
    CHECK(part->exit > before);
    before = part->exit;
    for (const std::int64_t row : part->rows) ++seen[static_cast<std::size_t>(row)];
  }
  CHECK(seen == std::vector<int>(12, 1));
  Stream left = engine.stream({view_of(pixels)}, options);
  left.next();
}

TEST_CASE("every exit answers one row in turn") {
  NEEDS_ONNXRUNTIME();
  const Engine engine = opened();
  const std::vector<std::uint8_t> pixels = shipped::pixels(1);
  const AllExits all = engine.all_exits({view_of(pixels)});
  Anytime anytime = engine.anytime({view_of(pixels)});
  std::vector<float> scores;
  while (const auto answer = anytime.next()) scores.push_back(answer->score);
  CHECK(scores == all.scores);
  const std::vector<std::uint8_t> two = shipped::pixels(2);
  CHECK_THROWS_AS(engine.anytime({view_of(two)}), InputError);
}

TEST_CASE("rows that are not finite have no answer and disturb nobody") {
  NEEDS_ONNXRUNTIME();
  const Engine engine = opened();
  std::vector<float> rows(3 * 28 * 28, 0.25f);
  rows[28 * 28] = std::nanf("");
  const Result result = engine.run(View(rows.data(), {3, 1, 28, 28}));
  CHECK(result.exits[1] == -1);
  CHECK(result.predictions[1] == -1);
  CHECK(std::isnan(result.scores[1]));
  CHECK(result.valid == std::vector<std::uint8_t>{1, 0, 1});
  CHECK(result.scores[0] == result.scores[2]);
}

TEST_CASE("what is wrong with a setting is said before anything is opened") {
  EngineOptions options;
  options.threads = -1;
  CHECK_THROWS_AS(Engine(shipped::kBundle, options), ConfigError);
  CHECK_THROWS_AS(Engine("none.eeb"), BundleError);
  options = {};
  options.onnxruntime = "/nowhere/libonnxruntime.so";
  CHECK_THROWS_WITH_AS(Engine(shipped::kBundle, options), doctest::Contains("/nowhere/libonnxruntime.so"), DependencyError);
}
