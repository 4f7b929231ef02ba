# find_package(eeinfer CONFIG) on this very folder, as an installed Python package has it: the library is built along.
#   execute_process(COMMAND python3 -m eeinfer --cmake-dir OUTPUT_VARIABLE eeinfer_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT TARGET eeinfer::eeinfer)
  add_subdirectory(${CMAKE_CURRENT_LIST_DIR} ${CMAKE_BINARY_DIR}/eeinfer EXCLUDE_FROM_ALL)
endif()
