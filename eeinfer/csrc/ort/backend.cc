#include "ort/backend.h"

#include "eeinfer/error.h"
#include "eeinfer/layout.h"

namespace eeinfer::ort {
namespace {

constexpr std::size_t kKeptBytes = 1 << 26;  // larger buffers are not kept for the next batch

// ONNX Runtime has no bf16 convolutions for a CPU; of fp8 its optimiser, up to 1.32, drops every ReLU before a
// QuantizeLinear, and answers wrongly.
constexpr const char* kNotHere[] = {"bf16", "fp8"};

std::vector<std::int64_t> flops_of(const Manifest& manifest) {
  std::vector<std::int64_t> flops;
  for (const Segment& segment : manifest.segments) flops.push_back(segment.flops);
  return flops;
}

const Bundle& computable(const Bundle& bundle) {
  for (const char* precision : kNotHere)
    if (bundle.manifest().precision == precision)
      throw BundleError(bundle.path().u8string() + " is in " + precision +
                        ", which ONNX Runtime does not compute on a CPU; run it with TensorRT on a GPU, or take the fp32 "
                        "bundle that it was made from");
  return bundle;
}

}  // namespace

Backend::Plan Backend::planned(const Bundle& bundle, const Library& library, const BackendSettings& settings) {
  const std::vector<std::int64_t> flops = flops_of(computable(bundle).manifest());
  std::optional<Profile> profile = find_profile(bundle, library.version);
  Threads threads = as_threads(profile && !settings.threads ? profile->threads : settings.threads, flops);
  return {std::move(profile), std::move(threads), as_provider(settings.provider, settings.device_id, library)};
}

Backend::Backend(const Bundle& bundle, const Library& library, const BackendSettings& settings)
    : Backend(bundle, library, settings, planned(bundle, library, settings)) {}

Backend::Backend(const Bundle& bundle, const Library& library, const BackendSettings& settings, Plan plan)
    : environment_(std::make_unique<Environment>(
          library, settings.host,
          plan.threads.mode == ThreadsMode::shared ? std::optional<int>(plan.threads.counts[0]) : std::nullopt,
          settings.pool_spins)),
      open_(open_segments(*environment_, bundle, {plan.threads, plan.provider, settings.verify, settings.use_form,
                                                  settings.begin_hashes})),
      is_warm_(open_.tried != nullptr) {
  const std::vector<std::int64_t> in_front = bytes_in_front(open_.bundle.manifest());
  costs_ = plan.profile ? plan.profile->costs(in_front)
                        : RowCosts::estimated(flops_of(bundle.manifest()), in_front, open_.threads().value_or(1));
}

std::unique_ptr<Lane> Backend::new_lane() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (open_.tried != nullptr) return std::move(open_.tried);
  }
  return std::make_unique<Lane>(*open_.sessions, open_.bundle.manifest());
}

std::unique_ptr<Rows> Backend::start(const Inputs& inputs) {
  std::unique_ptr<Rows> rows = room(inputs.front().rows);
  rows->load(inputs);
  return rows;
}

bool Backend::worth_compacting(std::size_t segment, std::int64_t rows, std::int64_t stays) const {
  return costs_.worth_compacting(segment, rows, stays);
}

std::unique_ptr<Rows> Backend::room(std::int64_t count) {
  std::unique_ptr<Rows> rows;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      rows = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (rows == nullptr || rows->capacity() < count)
    rows = std::make_unique<Rows>(*open_.sessions, open_.bundle.manifest(), count);
  return rows;
}

std::unique_ptr<Rows> Backend::join(std::unique_ptr<Rows> one, std::unique_ptr<Rows> other,
                                    const std::vector<std::int64_t>& order) {
  const auto count = static_cast<std::int64_t>(order.size());
  std::unique_ptr<Rows> larger = count <= one->capacity() ? nullptr : room(count);
  Rows& joined = larger == nullptr ? *one : *larger;
  joined.take({one.get(), other.get()}, order);
  release(std::move(other));
  if (larger == nullptr) return one;
  release(std::move(one));
  return larger;
}

void Backend::release(std::unique_ptr<Rows> rows) {
  rows->forget();
  if (rows->bytes() > kKeptBytes) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(rows));
}

}  // namespace eeinfer::ort
