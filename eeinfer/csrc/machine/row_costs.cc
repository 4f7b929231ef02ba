#include "eeinfer/machine/row_costs.h"

#include <algorithm>

namespace eeinfer {
namespace {

constexpr double kRowFlopsPerMs = 50e6;  // what one thread computes, as AVX-512 convolutions reach
constexpr double kCallMs = 0.02;         // what a segment takes beyond its arithmetic

}  // namespace

std::vector<std::int64_t> compacted(const std::vector<std::int64_t>& rows, std::size_t stays) {
  std::vector<std::int64_t> order(stays);
  std::size_t filler = stays;
  for (std::size_t i = 0; i < stays; ++i) {
    if (rows[i] >= 0) {
      order[i] = static_cast<std::int64_t>(i);
      continue;
    }
    while (rows[filler] < 0) ++filler;
    order[i] = static_cast<std::int64_t>(filler++);
  }
  return order;
}

RowCosts RowCosts::estimated(const std::vector<std::int64_t>& flops, std::vector<std::int64_t> alive_bytes,
                             std::int64_t threads) {
  RowCosts costs;
  costs.sizes = {1, 2};
  costs.alive_bytes = std::move(alive_bytes);
  for (const std::int64_t cost : flops) {
    const double row = static_cast<double>(cost) / (kRowFlopsPerMs * static_cast<double>(threads));
    costs.segment_ms.push_back({kCallMs + row, kCallMs + 2 * row});
  }
  return costs;
}

bool RowCosts::worth_compacting(std::size_t segment, std::int64_t rows, std::int64_t stays) const {
  const std::int64_t moved = std::min(rows - stays, stays) * alive_bytes[segment];
  return ms(segment, stays) + move_ms + static_cast<double>(moved) / bytes_per_ms < ms(segment, rows);
}

double RowCosts::ms(std::size_t segment, std::int64_t rows) const {
  const std::vector<double>& times = segment_ms[segment];
  if (sizes.size() == 1) return times[0] * static_cast<double>(rows) / static_cast<double>(sizes[0]);
  std::size_t at = sizes.size() - 1;
  for (std::size_t i = 1; i + 1 < sizes.size(); ++i) {
    if (rows <= sizes[i]) {
      at = i;
      break;
    }
  }
  const double slope = (times[at] - times[at - 1]) / static_cast<double>(sizes[at] - sizes[at - 1]);
  return times[at] + slope * static_cast<double>(rows - sizes[at]);
}

}  // namespace eeinfer
