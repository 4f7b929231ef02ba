# The target eeinfer::eeinfer, and the static twin with everything visible that tests, fuzzers and tools link.
add_library(eeinfer_flags INTERFACE)
target_compile_features(eeinfer_flags INTERFACE cxx_std_17)
if(MSVC)
  target_compile_options(eeinfer_flags INTERFACE /utf-8 /W4 /fp:precise $<$<BOOL:${EEINFER_WARNINGS_AS_ERRORS}>:/WX>)
else()
  # Fused multiply-adds would round preprocessing and costs otherwise than Python does.
  target_compile_options(eeinfer_flags INTERFACE -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow
    $<$<BOOL:${EEINFER_WARNINGS_AS_ERRORS}>:-Werror> $<$<BOOL:${EEINFER_MINIMAL}>:-Os;-ffunction-sections;-fdata-sections>)
endif()
if(EEINFER_SANITIZE)
  target_compile_options(eeinfer_flags INTERFACE -fsanitize=${EEINFER_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(eeinfer_flags INTERFACE -fsanitize=${EEINFER_SANITIZE})
endif()
if(EEINFER_BUILD_FUZZERS)
  target_compile_options(eeinfer_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND NOT MSVC)
  # In a project that names no build type the library would be compiled without optimisation, and with its debug checks.
  target_compile_options(eeinfer_flags INTERFACE -O2 -DNDEBUG)
endif()
target_compile_definitions(eeinfer_flags INTERFACE EEINFER_VERSION="${PROJECT_VERSION}" ORT_API_MANUAL_INIT)

# Compiled once, linked into both.
file(GLOB_RECURSE EEINFER_CC CONFIGURE_DEPENDS ${EEINFER_SOURCES}/csrc/*.cc)
add_library(eeinfer_objects OBJECT ${EEINFER_CC})
target_include_directories(eeinfer_objects PUBLIC ${EEINFER_SOURCES}/include ${EEINFER_SOURCES}/csrc)
target_include_directories(eeinfer_objects SYSTEM PUBLIC ${EEINFER_JSON_INCLUDE} ${ONNXRuntime_INCLUDE_DIR})
target_compile_definitions(eeinfer_objects PRIVATE EEINFER_BUILDING $<$<BOOL:${BUILD_SHARED_LIBS}>:EEINFER_SHARED>)
target_link_libraries(eeinfer_objects PUBLIC eeinfer_flags)
set_target_properties(eeinfer_objects PROPERTIES CXX_STANDARD 17 CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

set(EEINFER_LIBRARIES Threads::Threads ${CMAKE_DL_LIBS})
if(EEINFER_LINK_ONNXRUNTIME)
  set_source_files_properties(${EEINFER_SOURCES}/csrc/ort/library.cc PROPERTIES COMPILE_DEFINITIONS EEINFER_LINK_ONNXRUNTIME)
  list(APPEND EEINFER_LIBRARIES ${ONNXRuntime_LIBRARY})
endif()

add_library(eeinfer $<TARGET_OBJECTS:eeinfer_objects>)
add_library(eeinfer::eeinfer ALIAS eeinfer)
target_include_directories(eeinfer
  PUBLIC $<BUILD_INTERFACE:${EEINFER_SOURCES}/include> $<INSTALL_INTERFACE:include>)
target_compile_features(eeinfer PUBLIC cxx_std_17)
target_compile_definitions(eeinfer PUBLIC $<$<BOOL:${BUILD_SHARED_LIBS}>:EEINFER_SHARED>)
target_link_libraries(eeinfer PRIVATE ${EEINFER_LIBRARIES})
if(EEINFER_SANITIZE)
  target_link_options(eeinfer PRIVATE -fsanitize=${EEINFER_SANITIZE})
endif()
set_target_properties(eeinfer PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION 1)

add_library(eeinfer_internals STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:eeinfer_objects>)
target_link_libraries(eeinfer_internals PUBLIC eeinfer_objects ${EEINFER_LIBRARIES})
