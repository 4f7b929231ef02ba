// What all ONNX Runtime sessions of a process have in common: one arena and, where it was asked for, one thread pool.
//
// With default settings a cascade loses: every session brings a thread pool that goes on spinning while the next session
// computes, and an arena of its own whose memory is cold each time. Here all sessions draw from one arena, and pools
// never spin, unless the process has one pool for all its sessions.
#ifndef EEINFER_ORT_ENVIRONMENT_H
#define EEINFER_ORT_ENVIRONMENT_H

#include <optional>

#include "ort/library.h"

namespace eeinfer::ort {

// ONNX Runtime keeps one environment per process, counts who holds it, and lets who comes first say what it is like.
class Environment {
 public:
  // host: the host's, which it keeps longer; null: make one. pool: threads of the pool for all sessions that is made
  // with it, or something for that of the host; nothing: sessions have pools of their own. spins: whether that pool spins
  // while it waits.
  Environment(Library library, OrtEnv* host, std::optional<int> pool, bool spins);

  const OrtApi& api() const { return *library_.api; }
  const std::string& version() const { return library_.version; }
  OrtEnv* get() const { return host_ != nullptr ? host_ : own_.get(); }
  std::optional<int> pool() const { return pool_; }
  bool is_hosts() const { return host_ != nullptr; }

 private:
  void share_arena();

  Library library_;
  OrtEnv* host_;
  EnvPtr own_;
  std::optional<int> pool_;
};

}  // namespace eeinfer::ort

#endif
