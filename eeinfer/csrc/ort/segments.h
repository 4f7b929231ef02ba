// The opened segments of one bundle: in the form that was optimised for this machine, or as they were exported.
#ifndef EEINFER_ORT_SEGMENTS_H
#define EEINFER_ORT_SEGMENTS_H

#include <string>
#include <vector>

#include "eeinfer/bundle.h"
#include "eeinfer/machine/threads.h"
#include "ort/session.h"

namespace eeinfer::ort {

struct OpenSegments {
  Bundle bundle;  // whose segments these are: the bundle, or its optimised form
  std::vector<Session> sessions;
  bool optimised = false;
  std::string form_problem;  // why a form that lies there for this machine does not run; empty: none does

  // Threads per segment run, the most of all segments; nothing where the process has a pool of the host's.
  std::optional<int> threads() const;
};

struct SegmentsPlan {
  Threads threads;
  Provider provider;
  bool verify = true;    // compare the files of a form with their checksums
  bool use_form = true;  // false runs the bundle's own segments, as every provider but the CPU's does
};

// Open the segments of `bundle` in the form for this machine, or its own where there is none that is sound.
//
// Throws BundleError: a segment of the bundle itself is not what the manifest says.
OpenSegments open_segments(const Environment& environment, const Bundle& bundle, const SegmentsPlan& plan);

}  // namespace eeinfer::ort

#endif
