// eeinfer_answer BUNDLE CASE.npz OUT.npz THREADS: what the C++ engine answers, for tests that compare it with Python's.
//
// CASE holds `input_00`, `input_01`, ... and `taus` [T, E]. OUT gets, for every row of `taus`, what Engine::run answers
// (`run_00_scores`, ...), and once what all_exits and stream answer, and anytime for the first row.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "eeinfer/engine.h"
#include "golden/npz.h"

namespace {

using namespace eeinfer;

template <class T>
Array array_of(Dtype dtype, Sizes shape, const std::vector<T>& numbers) {
  Array array{dtype, std::move(shape), std::vector<std::byte>(numbers.size() * sizeof(T))};
  if (!numbers.empty()) std::memcpy(array.data.data(), numbers.data(), array.data.size());
  return array;
}

std::string numbered(const std::string& name, std::size_t number) {
  return name + (number < 10 ? "_0" : "_") + std::to_string(number);
}

class Answers {
 public:
  Answers(const Engine& engine, const NamedArrays& given) : engine_(engine), given_(given) {
    const std::vector<Input>& inputs = engine.manifest().inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Array& array = given.at(numbered("input", i));
      views_.emplace_back(array.dtype, array.data.data(), array.shape.data(), static_cast<int>(array.shape.size()),
                          inputs[i].tensor.name);
    }
    classes_ = static_cast<std::int64_t>(engine.manifest().classes.size());
    exits_ = static_cast<std::int64_t>(engine.manifest().segments.size());
  }

  NamedArrays all() {
    const Array& taus = given_.at("taus");
    for (std::int64_t i = 0; i < taus.shape[0]; ++i) {
      const float* from = taus.as<float>() + i * exits_;
      run(numbered("run", static_cast<std::size_t>(i)), std::vector<float>(from, from + exits_));
    }
    every_exit();
    return std::move(made_);
  }

 private:
  void run(const std::string& name, const std::vector<float>& taus) {
    Result result;
    RunOptions options;
    options.tau = taus;
    engine_.run(views_.data(), views_.size(), options, result);
    write(name, result);
    Result streamed = result;
    std::fill(streamed.exits.begin(), streamed.exits.end(), -2);  // rows that never come are seen
    Stream stream = engine_.stream(views_.data(), views_.size(), options);
    while (const auto part = stream.next()) take(streamed, *part);
    write(name + "_streamed", streamed);
  }

  void take(Result& result, const Departure& part) const {
    const auto classes = static_cast<std::size_t>(classes_);
    for (std::size_t i = 0; i < part.rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(part.rows[i]);
      result.exits[row] = part.exit;
      result.predictions[row] = part.predictions[i];
      result.scores[row] = part.scores[i];
      result.flops[row] = part.flops;
      result.valid[row] = part.valid[i];
      result.near_tau[row] = part.near_tau[i];
      std::copy_n(part.logits.begin() + static_cast<std::ptrdiff_t>(i * classes), classes,
                  result.logits.begin() + static_cast<std::ptrdiff_t>(row * classes));
    }
  }

  void write(const std::string& name, const Result& result) {
    const auto rows = static_cast<std::int64_t>(result.size());
    made_[name + "_predictions"] = array_of(Dtype::int64, {rows}, result.predictions);
    made_[name + "_exits"] = array_of(Dtype::int64, {rows}, result.exits);
    made_[name + "_scores"] = array_of(Dtype::float32, {rows}, result.scores);
    made_[name + "_logits"] = array_of(Dtype::float32, {rows, classes_}, result.logits);
    made_[name + "_flops"] = array_of(Dtype::int64, {rows}, result.flops);
    made_[name + "_valid"] = array_of(Dtype::boolean, {rows}, result.valid);
    made_[name + "_near_tau"] = array_of(Dtype::boolean, {rows}, result.near_tau);
  }

  void every_exit() {
    const AllExits all = engine_.all_exits(views_.data(), views_.size());
    const std::int64_t rows = static_cast<std::int64_t>(all.scores.size()) / exits_;
    made_["all_scores"] = array_of(Dtype::float32, {rows, exits_}, all.scores);
    made_["all_predictions"] = array_of(Dtype::int64, {rows, exits_}, all.predictions);
    made_["all_logits"] = array_of(Dtype::float32, {rows, exits_, classes_}, all.logits);
    if (rows != 1 || all.scores[0] != all.scores[0]) return;
    std::vector<float> scores, logits;
    Anytime anytime = engine_.anytime(views_.data(), views_.size());
    while (const auto answer = anytime.next()) {
      scores.push_back(answer->score);
      logits.insert(logits.end(), answer->logits.begin(), answer->logits.end());
    }
    made_["anytime_scores"] = array_of(Dtype::float32, {static_cast<std::int64_t>(scores.size())}, scores);
    made_["anytime_logits"] = array_of(Dtype::float32, {static_cast<std::int64_t>(scores.size()), classes_}, logits);
  }

  const Engine& engine_;
  const NamedArrays& given_;
  std::vector<View> views_;
  std::int64_t classes_ = 0, exits_ = 0;
  NamedArrays made_;
};

}  // namespace

int main(int count, char** texts) try {
  if (count != 5) return std::fprintf(stderr, "give BUNDLE CASE.npz OUT.npz THREADS\n"), 2;
  EngineOptions options;
  options.threads_mode = texts[4];
  const Engine engine(texts[1], options);
  if (!engine.form_problem().empty()) std::fprintf(stderr, "%s\n", engine.form_problem().c_str());
  const NamedArrays given = read_npz(texts[2]);
  NamedArrays made = Answers(engine, given).all();
  made["optimised"] = array_of(Dtype::boolean, {}, std::vector<std::uint8_t>{engine.optimised()});
  write_npz(texts[3], made);
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
