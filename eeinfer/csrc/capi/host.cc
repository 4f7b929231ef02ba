// The ONNX Runtime of the process that loaded us. A Python process has one inside its extension module, which exports
// nothing; but it hands its OrtApiBase to every library of custom operators that it is asked to register.
#include <onnxruntime_c_api.h>

#include "eeinfer/eeinfer.h"

namespace {

const OrtApiBase* host = nullptr;

}  // namespace

const void* eeinfer_host_ort_api_base(void) { return host; }

#ifdef EEINFER_SHARED
extern "C" EEINFER_API OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base);

OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions*, const OrtApiBase* base) {
  host = base;  // and no operators
  return nullptr;
}
#endif
