# shoal_embed(master master/openapi.json shoal::master::kOpenApiText master/openapi.h): the text of a file
# as a std::string_view of the library shoal_master, declared extern in the header.
function(shoal_embed folder file symbol header)
  set(source ${CMAKE_BINARY_DIR}/generated/embedded/${file}.cc)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_SOURCE_DIR}/${file} -DOUTPUT=${source} -DSYMBOL=${symbol}
            -DHEADER=${header} -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFile.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/EmbedFile.cmake
    COMMENT "Embedding ${file}")
  # A standard compiler need only take 64 KiB; ours take more.
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
  target_sources(shoal_${folder} PRIVATE ${source})
endfunction()
