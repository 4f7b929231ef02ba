# Finds ONNX Runtime's headers in the layouts in the wild, and its library where one is linked.
#
#   release archive    include/onnxruntime_c_api.h               lib/libonnxruntime.so
#   Debian             /usr/include/onnxruntime/onnxruntime_c_api.h
#   source or CMake    include/onnxruntime/core/session/onnxruntime_c_api.h
#
# Set ONNXRUNTIME_ROOT, as a variable of CMake or of the environment, to the folder that holds `include`.
# Gives ONNXRuntime_INCLUDE_DIR, the folder of onnxruntime_c_api.h, ONNXRuntime_LIBRARY and ONNXRuntime_VERSION.
find_path(ONNXRuntime_INCLUDE_DIR onnxruntime_c_api.h
  HINTS ${ONNXRUNTIME_ROOT} $ENV{ONNXRUNTIME_ROOT}
  PATH_SUFFIXES include include/onnxruntime include/onnxruntime/core/session onnxruntime onnxruntime/core/session
    usr/include/onnxruntime core/session
  DOC "The folder of onnxruntime_c_api.h")
find_library(ONNXRuntime_LIBRARY NAMES onnxruntime
  HINTS ${ONNXRUNTIME_ROOT} $ENV{ONNXRUNTIME_ROOT} PATH_SUFFIXES lib lib64
  DOC "ONNX Runtime's library, for EEINFER_LINK_ONNXRUNTIME")

if(ONNXRuntime_INCLUDE_DIR)
  file(STRINGS ${ONNXRuntime_INCLUDE_DIR}/onnxruntime_c_api.h line REGEX "^#define ORT_API_VERSION [0-9]+")
  string(REGEX REPLACE "[^0-9]" "" minor "${line}")
  set(ONNXRuntime_VERSION 1.${minor})
endif()

set(needed ONNXRuntime_INCLUDE_DIR)
if(EEINFER_LINK_ONNXRUNTIME)
  list(APPEND needed ONNXRuntime_LIBRARY)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ONNXRuntime REQUIRED_VARS ${needed} VERSION_VAR ONNXRuntime_VERSION
  REASON_FAILURE_MESSAGE "set ONNXRUNTIME_ROOT to an unpacked release of ONNX Runtime, or apt-get install libonnxruntime-dev")
mark_as_advanced(ONNXRuntime_INCLUDE_DIR ONNXRuntime_LIBRARY)
