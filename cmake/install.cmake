# Installs the library, its headers and what finds them: find_package(eeinfer CONFIG), or pkg-config eeinfer.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(EEINFER_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/eeinfer)
install(TARGETS eeinfer EXPORT eeinferTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${EEINFER_SOURCES}/include/eeinfer DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT eeinferTargets NAMESPACE eeinfer:: DESTINATION ${EEINFER_CMAKE_DIR})

configure_package_config_file(${CMAKE_CURRENT_SOURCE_DIR}/eeinferConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/eeinferConfig.cmake INSTALL_DESTINATION ${EEINFER_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/eeinferConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/eeinferConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/eeinferConfigVersion.cmake
  DESTINATION ${EEINFER_CMAKE_DIR})

set(EEINFER_PC_CFLAGS "")
if(BUILD_SHARED_LIBS)
  set(EEINFER_PC_CFLAGS " -DEEINFER_SHARED")
endif()
file(RELATIVE_PATH EEINFER_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(eeinfer.pc.in ${CMAKE_CURRENT_BINARY_DIR}/eeinfer.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/eeinfer.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
