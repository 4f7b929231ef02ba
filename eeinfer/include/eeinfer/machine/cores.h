// How many cores this process may really use, and which vector instructions they have.
#ifndef EEINFER_MACHINE_CORES_H
#define EEINFER_MACHINE_CORES_H

#include <string>

namespace eeinfer {

// The number of physical cores open to this process, at least 1: those of the affinity mask, hyper-threads once, and no
// more than a container's quota pays for.
int physical_cores();

// The kind of processor and its vector instructions, sorted, as docs/bundle.md writes them into the key of a form.
std::string instruction_sets();

}  // namespace eeinfer

#endif
