# wire/schema/*.fbs -> build/<kind>/generated/wire/*_generated.h, visible to wire only.
find_program(FLATC flatc REQUIRED)
file(GLOB SHOAL_FBS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/wire/schema/*.fbs)
set(SHOAL_GENERATED ${CMAKE_BINARY_DIR}/generated/wire)
set(SHOAL_GENERATED_HEADERS)
foreach(fbs ${SHOAL_FBS})
  get_filename_component(name ${fbs} NAME_WE)
  set(header ${SHOAL_GENERATED}/${name}_generated.h)
  # Every schema may include every other, so each depends on all.
  add_custom_command(OUTPUT ${header}
    COMMAND ${FLATC} --cpp --cpp-std c++17 --scoped-enums -I ${CMAKE_SOURCE_DIR}/wire/schema
            -o ${SHOAL_GENERATED} ${fbs}
    DEPENDS ${SHOAL_FBS} COMMENT "flatc ${name}.fbs")
  list(APPEND SHOAL_GENERATED_HEADERS ${header})
endforeach()
add_custom_target(shoal_generate DEPENDS ${SHOAL_GENERATED_HEADERS})
add_library(shoal_schemas INTERFACE)
target_include_directories(shoal_schemas SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/generated)
add_dependencies(shoal_schemas shoal_generate)
