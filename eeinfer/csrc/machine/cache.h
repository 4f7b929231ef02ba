// What is kept for this machine and no other: a folder of its own, outside every bundle. It is read here, never written.
//
// Graphs from there are run unseen, so nothing is read from a folder that another user may write to.
#ifndef EEINFER_MACHINE_CACHE_H
#define EEINFER_MACHINE_CACHE_H

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace eeinfer {

// Where the thing `name` of this kind lies or would lie; nothing where EEINFER_CACHE is `off` or no folder can be trusted.
std::optional<std::filesystem::path> cache_place(const std::string& kind, const std::string& name);

// A name that holds for these facts and for no others.
std::string cache_key(const std::vector<std::string>& facts);

}  // namespace eeinfer

#endif
