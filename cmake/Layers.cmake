# shoal_library(core LINKS …): every core/*.cc as shoal_core; header-only while there is none.
function(shoal_library folder)
  cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/cli/main.cc)
  if(sources)
    add_library(shoal_${folder} STATIC ${sources})
    target_link_libraries(shoal_${folder} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  else()
    add_library(shoal_${folder} INTERFACE)
    target_link_libraries(shoal_${folder} INTERFACE ${ARG_LINKS})
  endif()
endfunction()

# Every examples/<name>.cc is one program, built into examples/ of the build folder. The tests that start
# them find their targets in the global property SHOAL_EXAMPLES.
function(shoal_examples)
  add_custom_target(examples)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(example_${name} ${source})
    target_link_libraries(example_${name} PRIVATE shoal_sdk)
    add_dependencies(examples example_${name})
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples)
    set_property(GLOBAL APPEND PROPERTY SHOAL_EXAMPLES example_${name})
  endforeach()
endfunction()
