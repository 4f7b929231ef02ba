#include "eeinfer/eeinfer.h"

int32_t eeinfer_abi_version(void) { return EEINFER_ABI_VERSION; }

const char* eeinfer_version(void) { return EEINFER_VERSION; }
