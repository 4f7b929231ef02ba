// From a bundle's folder to an engine.
#ifndef EEINFER_ENGINE_LOADING_H
#define EEINFER_ENGINE_LOADING_H

#include <filesystem>
#include <memory>

#include "eeinfer/engine.h"
#include "engine/open_engine.h"

namespace eeinfer {

// Open a bundle, check it, make a session per segment and run each of them once. Throws as Engine's constructor.
std::unique_ptr<OpenEngine> load(const std::filesystem::path& path, const EngineOptions& options);

}  // namespace eeinfer

#endif
