// The way of several rows through the cascade, in buffers that are made once.
#ifndef EEINFER_ORT_ROWS_H
#define EEINFER_ORT_ROWS_H

#include <map>
#include <tuple>
#include <vector>

#include "ort/lane.h"

namespace eeinfer::ort {

// What a segment and its exit need for up to `capacity` rows. For one caller at a time.
//
// A tensor is stored for all rows at once; a segment runs on the first n of them.
class Rows {
 public:
  Rows(const Sessions& sessions, const Manifest& manifest, std::int64_t capacity);

  std::int64_t capacity() const { return capacity_; }
  std::int64_t count() const { return count_; }
  std::size_t bytes() const { return memory_.bytes(); }

  // Take up to `capacity` rows; they are read in place.
  void load(const Inputs& inputs);

  // Compute a segment, all earlier ones having run. The exit is valid until it runs again here. Throws Failure.
  Exit run(std::size_t segment);

  // Go on with the rows `order`, counted over all sources, of which the same segments have run. Nothing is read in place
  // any more. This may be one of the sources; then rows that are in their place stay there, and none that is read is
  // written.
  void take(const std::vector<Rows*>& sources, const std::vector<std::int64_t>& order);

  // Read nothing of the caller's any more.
  void forget();

 private:
  struct Given {  // rows of an input: the caller's, or a copy of some of them
    Tensor tensor;
    std::vector<std::byte> copy;
  };
  using Found = std::pair<Rows*, std::int64_t>;  // a row, and in whose buffers

  void set_lengths(const Lengths& lengths);
  BindingPtr bound(std::size_t segment) const;
  std::vector<Given> gathered(const std::vector<Found>& rows) const;
  void move(const std::vector<Found>& rows);

  const Sessions& sessions_;
  const Manifest& manifest_;
  const OrtApi* api_;
  std::int64_t capacity_, count_ = 0;
  std::size_t done_ = 0;  // segments that have run
  Memory memory_;
  DynamicAxes axes_;
  std::vector<ExitMemory> exits_;
  std::vector<std::vector<std::size_t>> reads_;        // per segment: the inputs of the bundle that it reads
  std::vector<std::vector<bool>> inputs_alive_;        // per number of segments that have run: which inputs are read later
  std::vector<std::vector<std::string>> carried_alive_;  // and which other tensors
  std::map<std::tuple<std::size_t, std::int64_t, Lengths>, BindingPtr> calls_;
  std::map<std::string, Place> places_;
  bool has_lengths_ = false;
  Lengths lengths_;
  std::vector<Given> inputs_;
};

}  // namespace eeinfer::ort

#endif
