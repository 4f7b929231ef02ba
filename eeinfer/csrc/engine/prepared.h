// From what a caller gives to the tensors that the segments read, by the manifest's one description of them.
#ifndef EEINFER_ENGINE_PREPARED_H
#define EEINFER_ENGINE_PREPARED_H

#include <vector>

#include "eeinfer/manifest.h"
#include "eeinfer/view.h"
#include "tensors.h"

namespace eeinfer {

// The tensors of one call. Used again, it allocates nothing for what fits where the last call's did.
class Prepared {
 public:
  // Let every input of the bundle be what the caller gave for it: in place where it lies as the segments read it.
  //
  // Throws InputError: an input is missing, unknown or of another kind, or rows or lengths do not agree.
  void prepare(const View* views, std::size_t count, const Manifest& manifest);

  const Inputs& inputs() const { return inputs_; }
  std::int64_t rows() const { return inputs_.front().rows; }

  // Which rows hold neither NaN nor infinite values. Asked of the inputs and not of the scores, because a ReLU may turn
  // NaN into zero and answer with confidence.
  const std::vector<std::uint8_t>& find_finite();

  // Keep these rows alone, in this order, in memory of our own.
  void take(const std::vector<std::int64_t>& rows);

  // Read nothing of the caller's any more.
  void own();

 private:
  const View& view_of(const View* views, std::size_t count, const Manifest& manifest, std::size_t input) const;

  Inputs inputs_;
  std::vector<std::vector<std::byte>> memory_;  // per input: what does not lie at the caller's as it is read
  std::vector<std::uint8_t> finite_;
};

}  // namespace eeinfer

#endif
