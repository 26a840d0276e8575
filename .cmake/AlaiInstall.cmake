# What `cmake --install` puts where Debian users expect it, in two components: `server`, the program and
# what runs it, and `engine`, the library for programs that want the cache without the server.
include(CMakePackageConfigHelpers)

set(conf_dir ${CMAKE_INSTALL_FULL_SYSCONFDIR}/alai)
set(generated ${PROJECT_BINARY_DIR}/install)

# install_text(file DESTINATION folder RENAME name): installs a text file whose paths, /usr/bin and
# /etc/alai, become those of this installation.
function(install_text file)
  cmake_parse_arguments(ARG "" "DESTINATION;RENAME" "" ${ARGN})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
  file(READ ${PROJECT_SOURCE_DIR}/${file} text)
  string(REPLACE "/usr/bin/alai-server" "${CMAKE_INSTALL_FULL_BINDIR}/alai-server" text "${text}")
  string(REPLACE "/etc/alai" "${conf_dir}" text "${text}")
  file(CONFIGURE OUTPUT ${generated}/${ARG_DESTINATION}/${ARG_RENAME} CONTENT "${text}" @ONLY)
  install(FILES ${generated}/${ARG_DESTINATION}/${ARG_RENAME} DESTINATION ${ARG_DESTINATION}
          COMPONENT server)
endfunction()

install(TARGETS alai-server RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
install(TARGETS alai-postgres LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/alai COMPONENT server)
install_text(server/man/alai-server.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
             RENAME alai-server.1)
install_text(server/systemd/alai-server.service DESTINATION lib/systemd/system
             RENAME alai-server.service)
install_text(server/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME alai.conf)
install_text(server/systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME alai.conf)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT server)
# A configuration that is there already belongs to whoever runs the machine.
install(CODE "
  if(EXISTS \"\$ENV{DESTDIR}${conf_dir}/alai.conf\")
    message(STATUS \"Kept: \$ENV{DESTDIR}${conf_dir}/alai.conf\")
  else()
    file(INSTALL \"${PROJECT_SOURCE_DIR}/server/alai.conf\" DESTINATION \"${conf_dir}\")
  endif()" COMPONENT server)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/alai)
set_target_properties(alai_engine PROPERTIES EXPORT_NAME engine)
set_target_properties(alai_base PROPERTIES EXPORT_NAME base)
if(ALAI_LTO)
  # Machine code besides what the link-time optimiser reads, so that any compiler's programs can link.
  target_compile_options(alai_engine PRIVATE -ffat-lto-objects)
  target_compile_options(alai_base PRIVATE -ffat-lto-objects)
endif()
install(TARGETS alai_engine alai_base EXPORT alai
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT engine
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/alai)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/engine DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/alai
        COMPONENT engine FILES_MATCHING PATTERN "*.h")
install(EXPORT alai NAMESPACE alai:: FILE alaiTargets.cmake DESTINATION ${package_dir}
        COMPONENT engine)
configure_package_config_file(${PROJECT_SOURCE_DIR}/.cmake/alaiConfig.cmake.in
                              ${generated}/alaiConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${generated}/alaiConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${generated}/alaiConfig.cmake ${generated}/alaiConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT engine)
