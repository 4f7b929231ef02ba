// What the reports of eeinfer-bench begin with, as those of `eeinfer bench --json` do.
#ifndef EEINFER_TOOLS_REPORT_H
#define EEINFER_TOOLS_REPORT_H

#include <nlohmann/json.hpp>

#include "engine/open_engine.h"

namespace eeinfer::tools {

using Json = nlohmann::ordered_json;

// The processor's own name; empty where the system does not say.
std::string cpu_name();

// How many programs wanted to run in the last minute, on average; null where the system does not say.
Json load_average();

// Bytes of memory that the process has in use; 0 where the system does not say.
std::int64_t resident_bytes();

// A report without its measurements. load: when the measurement began.
Json report_of(const OpenEngine& engine, const Json& load);

double median(std::vector<double> numbers);

}  // namespace eeinfer::tools

#endif
