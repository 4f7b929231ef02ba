// One row's way through the cascade with everything bound beforehand.
#ifndef EEINFER_ORT_LANE_H
#define EEINFER_ORT_LANE_H

#include <map>
#include <vector>

#include "ort/memory.h"
#include "ort/session.h"

namespace eeinfer::ort {

using Sessions = std::vector<Session>;

// Buffers, made once, that take one row through the cascade. For one caller at a time.
class Lane {
 public:
  Lane(const Sessions& sessions, const Manifest& manifest);

  // Copy a prepared row to where the segments read it: that costs no more than binding it would.
  void load(const Inputs& inputs);

  // Where the row of an input is read, which stays; nullptr where dynamic axes move it.
  std::byte* input(std::size_t i) const { return axes_.none() ? (*given_)[i].data : nullptr; }

  // Whether the row holds neither NaN nor infinite values.
  bool finite() const;

  // Compute a segment from buffer to buffer, all earlier ones having run, and return its score. Throws Failure.
  float run(std::size_t segment) {
    if (OrtStatus* status = run_(sessions_[segment].get(), nullptr, bindings_[segment])) check(*api_, status);
    return *exits_[segment].score;
  }

  // What exit k answers once it has run, valid until the next load; the addresses stay.
  const Exit& exit(std::size_t k) const { return exits_[k]; }
  std::size_t exits() const { return exits_.size(); }

 private:
  struct Way {  // bindings of all segments for one set of lengths
    std::vector<BindingPtr> bindings;
    std::vector<Place> given;
  };

  void turn(const Lengths& lengths);
  Way bound(const std::map<std::string, Place>& places) const;

  const Sessions& sessions_;
  const Manifest& manifest_;
  const OrtApi* api_;
  decltype(OrtApi::RunWithBinding) run_;
  std::vector<ExitMemory> exit_memory_;
  std::vector<Exit> exits_;
  Memory memory_;  // bindings do not own their memory
  DynamicAxes axes_;
  Lengths lengths_;
  std::map<Lengths, Way> ways_;
  const std::vector<Place>* given_ = nullptr;
  std::vector<const OrtIoBinding*> bindings_;
};

// Let a segment read `rows` rows at a place.
void bind_input(const OrtApi& api, OrtIoBinding* binding, const std::string& name, const Place& place, std::int64_t rows);

// Let it write what its exit answers and what it carries.
void bind_made(const OrtApi& api, OrtIoBinding* binding, const ExitMemory& exit, const Segment& segment,
               const std::map<std::string, Place>& places, std::int64_t rows);

constexpr std::size_t kMostCalls = 1024;  // bound beforehand, of all segments, batch sizes and lengths

}  // namespace eeinfer::ort

#endif
