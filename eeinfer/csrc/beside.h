// Work beside other work, where the system has a thread for it.
#ifndef EEINFER_BESIDE_H
#define EEINFER_BESIDE_H

#include <future>

namespace eeinfer {

// Begin with work in a thread of its own; where none can be started, as under a limit of processes, it is done by whoever
// waits for the result.
template <class Work>
std::future<void> beside(const Work& work) {
  return std::async(std::launch::async | std::launch::deferred, work);  // not moved: libstdc++ takes it twice then
}

}  // namespace eeinfer

#endif
