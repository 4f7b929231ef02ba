// Taking rows out of a batch without moving those that stay, and whether that saves time.
#ifndef EEINFER_MACHINE_ROW_COSTS_H
#define EEINFER_MACHINE_ROW_COSTS_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eeinfer {

// The order in which the `stays` rows that are not -1 go on: the last ones fill the holes of the others.
//
// Half of the rows are moved at most, and where row i stays in front, it keeps its place.
std::vector<std::int64_t> compacted(const std::vector<std::int64_t>& rows, std::size_t stays);

// What decides whether rows that left are taken out: the time of every segment at some batch sizes. The same doubles as
// in Python, operation by operation, so that both decide alike.
struct RowCosts {
  std::vector<std::int64_t> sizes;              // batch sizes, ascending
  std::vector<std::vector<double>> segment_ms;  // time of every segment, at each of the sizes
  std::vector<std::int64_t> alive_bytes;        // what one row keeps in front of every segment, and what moving it copies
  double move_ms = 0.01;                        // what a compaction takes beyond its copies
  double bytes_per_ms = 4e6;                    // how fast rows are copied

  // Guess from the FLOPs of the segments.
  static RowCosts estimated(const std::vector<std::int64_t>& flops, std::vector<std::int64_t> alive_bytes,
                            std::int64_t threads);

  // Whether `segment` with `stays` rows and the copies before it cost less than with all `rows`.
  bool worth_compacting(std::size_t segment, std::int64_t rows, std::int64_t stays) const;

  // The time of `segment` with `rows` rows, in a straight line between and beyond the known sizes.
  double ms(std::size_t segment, std::int64_t rows) const;
};

}  // namespace eeinfer

#endif
