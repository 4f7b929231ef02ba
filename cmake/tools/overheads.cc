#include "overheads.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "eeinfer/error.h"

namespace eeinfer::tools {
namespace {

constexpr int kWarmUp = 20;
constexpr std::size_t kFewestPairs = 10;

using Call = std::function<void()>;

double milliseconds(const Call& call) {
  const double began = now_s();
  call();
  return (now_s() - began) * 1e3;
}

struct Times {
  std::vector<double> ours, theirs, ratios, extra_us;

  void add(double our_ms, double their_ms) {
    ours.push_back(our_ms), theirs.push_back(their_ms);
    ratios.push_back(our_ms / their_ms), extra_us.push_back((our_ms - their_ms) * 1e3);
  }
};

double least(const std::vector<double>& numbers) { return *std::min_element(numbers.begin(), numbers.end()); }

Json record(const std::string& name, std::size_t exit, const Times& times) {
  return {{"name", name},
          {"exit", exit},
          {"cascade_ms", median(times.ours)},
          {"session_ms", median(times.theirs)},
          {"ratio", median(times.ratios)},
          {"pairs", times.ratios.size()},
          {"cascade_min_ms", least(times.ours)},
          {"session_min_ms", least(times.theirs)},
          {"extra_us", median(times.extra_us)}};
}

// The order within a pair alternates.
Json timed(const std::string& against, std::size_t exit, const Call& cascade, const Call& reference, const Effort& effort) {
  for (int i = 0; i < kWarmUp; ++i) cascade(), reference();
  Times times;
  const double began = now_s();
  const auto go_on = [&] {
    const std::size_t done = times.ratios.size();
    return done == 0 || (static_cast<double>(done) < effort.pairs && (done < kFewestPairs || now_s() - began < effort.seconds));
  };
  while (go_on()) {
    const bool first = times.ratios.size() % 2 == 0;
    const double before = first ? 0 : milliseconds(reference), ours = milliseconds(cascade);
    times.add(ours, first ? milliseconds(reference) : before);
  }
  const Json made = record("leaving at exit " + std::to_string(exit) + ", against " + against, exit, times);
  std::fprintf(stderr, "exit %-2zu %9.4f ms (least %9.4f), %-24s %9.4f ms (least %9.4f): ratio %.3f, %+.2f us, %zu pairs\n",
               exit, median(times.ours), least(times.ours), against.c_str(), median(times.theirs), least(times.theirs),
               median(times.ratios), median(times.extra_us), times.ratios.size());
  return made;
}

}  // namespace

Json measure_overheads(OpenEngine& engine, const Cuts& cuts, const Effort& effort) {
  const Given given(engine.manifest());
  const std::unique_ptr<ort::Lane> lane = engine.new_lane();
  Prepared prepared;
  prepared.prepare(given.views.data(), given.views.size(), engine.manifest());
  lane->load(prepared.inputs());
  Result result;
  const auto room = [&](std::int64_t rows) { return room_in(result, static_cast<std::size_t>(rows), engine.classes()); };
  Json overheads = Json::array();
  for (std::size_t k = 0; k < engine.exits(); ++k) {
    std::vector<float> taus(engine.exits(), 1.0f);
    taus[k] = 0;
    const Call cascade = [&] {
      engine.run(given.views.data(), given.views.size(), taus.data(), taus.size(), kNoDeadline, room);
    };
    const Call runs = [&] {
      for (std::size_t i = 0; i <= k; ++i) lane->run(i);
    };
    overheads.push_back(timed("the runs of its segments", k, cascade, runs, effort));
    if (result.exits[0] != static_cast<std::int64_t>(k)) throw BundleError("the row left elsewhere: its score is 0 or NaN");
    const std::filesystem::path file = cuts.folder / ("cut_" + std::string(k < 10 ? "0" : "") + std::to_string(k) + ".onnx");
    if (cuts.folder.empty() || !std::filesystem::exists(file)) continue;
    const Network network(cuts.environment, file, cuts.settings, given, engine.manifest());
    overheads.push_back(timed("cut at exit " + std::to_string(k), k, cascade, [&] { network.run(); }, effort));
  }
  return overheads;
}

}  // namespace eeinfer::tools
