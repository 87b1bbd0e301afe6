# shoal_commit(cli/version.cc): SHOAL_COMMIT in that file. Looked at in every build; the file is
# compiled again only when the commit is another.
function(shoal_commit file)
  set(header ${CMAKE_BINARY_DIR}/generated/commit/shoal_commit.h)
  set(write ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${header}
            -P ${CMAKE_SOURCE_DIR}/cmake/WriteCommit.cmake)
  execute_process(COMMAND ${write})  # for those who read the sources before a build
  add_custom_target(shoal_commit COMMAND ${write} BYPRODUCTS ${header} VERBATIM)
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "-include;${header}"
                              OBJECT_DEPENDS ${header})
endfunction()
