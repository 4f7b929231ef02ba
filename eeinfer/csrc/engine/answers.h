// Answers on their way to the caller: each row's, written when it leaves, at its place in the call.
#ifndef EEINFER_ENGINE_ANSWERS_H
#define EEINFER_ENGINE_ANSWERS_H

#include <cstddef>
#include <cstdint>

#include "eeinfer/result.h"
#include "tensors.h"

namespace eeinfer {

// The caller's arrays, with room for all rows of the call; null leaves one out. Members are as in Result.
struct Arrays {
  std::size_t classes = 0;
  std::int64_t* predictions = nullptr;
  std::int64_t* exits = nullptr;
  float* scores = nullptr;
  float* logits = nullptr;
  std::int64_t* flops = nullptr;
  std::uint8_t* valid = nullptr;
  std::uint8_t* near_tau = nullptr;

  // Let a row have no answer.
  void write_none(std::size_t row) const;

  // Let a row answer with the exit k at which it left, of which `answer` is its one row.
  void write(std::size_t row, std::size_t k, const Exit& answer, std::int64_t cost, bool near) const;
};

// The row `at` of what an exit answers.
Exit row_of(const Exit& exit, std::size_t at, std::size_t classes);

// Make room for `rows` rows.
Arrays room_in(Result& result, std::size_t rows, std::size_t classes);

}  // namespace eeinfer

#endif
