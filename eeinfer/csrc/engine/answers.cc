#include "engine/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eeinfer {
namespace {

template <class T, class Value>
void put(T* array, std::size_t row, Value value) {
  if (array != nullptr) array[row] = static_cast<T>(value);
}

}  // namespace

void Arrays::write_none(std::size_t row) const {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  put(predictions, row, -1);
  put(exits, row, -1);
  put(scores, row, nan);
  if (logits != nullptr) std::fill_n(logits + row * classes, classes, nan);
  put(flops, row, 0);
  put(valid, row, 0);
  put(near_tau, row, 0);
}

void Arrays::write(std::size_t row, std::size_t k, const Exit& answer, std::int64_t cost, bool near) const {
  const bool finite = std::isfinite(*answer.score);
  put(predictions, row, finite ? *answer.prediction : -1);
  put(exits, row, k);
  put(scores, row, *answer.score);
  if (logits != nullptr) std::copy_n(answer.logits, classes, logits + row * classes);
  put(flops, row, cost);
  put(valid, row, finite);
  put(near_tau, row, near);
}

Exit row_of(const Exit& exit, std::size_t at, std::size_t classes) {
  return {exit.logits + at * classes, exit.score + at, exit.prediction + at};
}

Arrays room_in(Result& result, std::size_t rows, std::size_t classes) {
  result.predictions.resize(rows);
  result.exits.resize(rows);
  result.scores.resize(rows);
  result.logits.resize(rows * classes);
  result.flops.resize(rows);
  result.valid.resize(rows);
  result.near_tau.resize(rows);
  return {classes,
          result.predictions.data(),
          result.exits.data(),
          result.scores.data(),
          result.logits.data(),
          result.flops.data(),
          result.valid.data(),
          result.near_tau.data()};
}

}  // namespace eeinfer
