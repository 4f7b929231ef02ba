// The opened segments of one bundle: in the form that was optimised for this machine, or as they were exported.
#ifndef EEINFER_ORT_SEGMENTS_H
#define EEINFER_ORT_SEGMENTS_H

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "eeinfer/bundle.h"
#include "eeinfer/machine/threads.h"
#include "ort/lane.h"

namespace eeinfer::ort {

struct OpenSegments {
  Bundle bundle;  // whose segments these are: the bundle, or its optimised form
  std::unique_ptr<Sessions> sessions;  // what runs them holds on to their place
  bool optimised = false;
  std::string form_problem;     // why a form that lies there for this machine does not run; empty: none does
  std::unique_ptr<Lane> tried;  // in which every segment has run; null: none has

  // Threads per segment run, the most of all segments; nothing where the process has a pool of the host's.
  std::optional<int> threads() const;
};

// Begins to compare the hashes of the bundle in a thread of its own, when `first` has ended.
using BeginHashes = std::function<void(std::shared_future<void> first)>;

struct SegmentsPlan {
  Threads threads;
  Provider provider;
  bool verify = true;    // compare the files of a form with their checksums
  bool use_form = true;  // false runs the bundle's own segments, as every provider but the CPU's does
  BeginHashes begin_hashes = {};  // called where a core is free for them
};

// Open the segments of `bundle` in the form for this machine, or its own where there is none that is sound.
//
// Throws BundleError: a segment of the bundle itself is not what the manifest says.
OpenSegments open_segments(const Environment& environment, const Bundle& bundle, const SegmentsPlan& plan);

}  // namespace eeinfer::ort

#endif
