// What a call returns. B rows, E exits, K classes.
#ifndef EEINFER_RESULT_H
#define EEINFER_RESULT_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eeinfer {

// The answers of one call, in the order of its rows.
//
// A row with NaN or infinite values never enters the network: its exit is -1, its FLOPs are 0, its score and logits NaN.
// A row whose final score is not finite keeps where it got to. Both have prediction -1 and are not valid.
struct Result {
  std::vector<std::int64_t> predictions;  // [B] index of the class, -1 where there is no answer
  std::vector<std::int64_t> exits;        // [B] which exit answered
  std::vector<float> scores;              // [B] what that exit was judged by
  std::vector<float> logits;              // [B, K] of that exit
  std::vector<std::int64_t> flops;        // [B] analytic cost of leaving there, one multiply-add = 1
  std::vector<std::uint8_t> valid;        // [B] whether the row has an answer
  std::vector<std::uint8_t> near_tau;     // [B] whether a decision was within 1e-5: another batch size may change it
  double latency_ms = 0;                  // of the whole call: preparation, cascade and bookkeeping

  std::size_t size() const { return predictions.size(); }
};

// The n rows of a batch that left at one exit, from Engine::stream. Members are as in Result.
struct Departure {
  std::int64_t exit = -1;           // -1 for rows with NaN or infinite values, which come first
  std::vector<std::int64_t> rows;   // [n] their places in the call
  std::vector<std::int64_t> predictions;
  std::vector<float> scores;
  std::vector<float> logits;        // [n, K]
  std::vector<std::uint8_t> near_tau;
  std::vector<std::uint8_t> valid;
  std::int64_t flops = 0;
  double latency_ms = 0;            // since the call began
};

// One exit's answer to one row, from Engine::anytime.
struct Answer {
  std::int64_t exit = 0;
  std::int64_t prediction = -1;  // index of the class, -1 where the score is not finite
  float score = 0;
  std::vector<float> logits;     // [K]
  std::int64_t flops = 0;        // up to and including this exit
  double latency_ms = 0;         // the engine's own time, without what the caller did in between
};

// Every exit's answer to every row, as if nobody had left. Where a score is not finite, the prediction is -1.
struct AllExits {
  std::vector<float> scores;              // [B, E]
  std::vector<std::int64_t> predictions;  // [B, E]
  std::vector<float> logits;              // [B, E, K]
};

}  // namespace eeinfer

#endif
