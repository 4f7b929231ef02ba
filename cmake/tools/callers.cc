#include "callers.h"

#include <atomic>
#include <cstdio>
#include <exception>
#include <functional>
#include <thread>

namespace eeinfer::tools {
namespace {

constexpr int kWarmUp = 20;

// What one thread calls again and again.
class Caller {
 public:
  Caller(OpenEngine& engine, const Given& given, float tau) : engine_(engine), given_(given), taus_(engine.exits(), tau) {}

  void operator()() {
    engine_.run(given_.views.data(), given_.views.size(), taus_.data(), taus_.size(), kNoDeadline, [&](std::int64_t rows) {
      return room_in(result_, static_cast<std::size_t>(rows), engine_.classes());
    });
  }

 private:
  OpenEngine& engine_;
  const Given& given_;
  std::vector<float> taus_;
  Result result_;
};

// The first failure of a thread is thrown here, once all have ended.
void in_threads(int count, const std::function<void()>& work) {
  std::vector<std::thread> threads;
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(count));
  for (std::exception_ptr& failure : failures)
    threads.emplace_back([&work, &failure] {
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

// Leaves a place where threads wait for one another, however its thread ends: else the others would wait for ever.
class Arrival {
 public:
  Arrival(std::atomic<int>& waiting, std::atomic<double>& began) : waiting_(waiting), began_(began) {}
  ~Arrival() { arrive(); }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  void arrive() {
    if (!arrived_ && --waiting_ == 0) began_ = now_s();
    arrived_ = true;
  }

 private:
  std::atomic<int>& waiting_;
  std::atomic<double>& began_;
  bool arrived_ = false;
};

// Calls a second of so many threads that begin together.
double rate(OpenEngine& engine, const Given& given, int count, const Callers& callers) {
  std::atomic<int> waiting{count};
  std::atomic<std::int64_t> done{0};
  std::atomic<double> began{0};
  in_threads(count, [&] {
    Caller call(engine, given, callers.tau);
    Arrival arrival(waiting, began);
    for (int i = 0; i < kWarmUp; ++i) call();
    arrival.arrive();
    while (began == 0.0) std::this_thread::yield();
    std::int64_t own = 0;
    for (const double end = began + callers.seconds; now_s() < end; ++own) call();
    done += own;
  });
  return static_cast<double>(done) / (now_s() - began);
}

}  // namespace

Json measure_callers(OpenEngine& engine, const Callers& callers) {
  const Given given(engine.manifest());
  std::vector<std::vector<double>> rates(callers.counts.size());
  for (int round = 0; round == 0 || round < callers.rounds; ++round)
    for (std::size_t i = 0; i < rates.size(); ++i) rates[i].push_back(rate(engine, given, callers.counts[i], callers));
  Json rows = Json::array();
  for (std::size_t i = 0; i < rates.size(); ++i) {
    std::vector<double> speedups;
    for (std::size_t round = 0; round < rates[i].size(); ++round) speedups.push_back(rates[i][round] / rates[0][round]);
    rows.push_back({{"callers", callers.counts[i]},
                    {"images_per_second", median(rates[i])},
                    {"speedup", median(speedups)}});
    std::fprintf(stderr, "%3d callers: %10.1f images a second, %.2fx\n", callers.counts[i], median(rates[i]),
                 median(speedups));
  }
  return rows;
}

Json measure_growth(OpenEngine& engine, std::int64_t calls, int threads, float tau) {
  const Given given(engine.manifest());
  std::atomic<std::int64_t> left{0};
  const auto go_on = [&](std::int64_t count) {
    left = count;
    in_threads(threads, [&] {
      Caller call(engine, given, tau);
      while (--left >= 0) call();
    });
    return resident_bytes();
  };
  const std::int64_t first = calls / 10, before = go_on(first), after = go_on(calls - first);
  std::fprintf(stderr, "%lld calls from %d threads: %.2f MB in use after %lld of them, %.2f MB after all\n",
               static_cast<long long>(calls), threads, static_cast<double>(before) / 1e6, static_cast<long long>(first),
               static_cast<double>(after) / 1e6);
  return {{"calls", calls}, {"threads", threads}, {"resident_bytes", before}, {"resident_bytes_after", after}};
}

}  // namespace eeinfer::tools
