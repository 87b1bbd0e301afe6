# Outside libraries: Debian 12 packages, installed by scripts/bootstrap.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
find_package(absl REQUIRED)
# Its archives instead of its 30 shared libraries, which the loader takes 3 ms for (decision 0024).
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target ${imported})
  get_target_property(library ${target} IMPORTED_LOCATION_NONE)
  if(target MATCHES "^absl::" AND library MATCHES "\\.so")
    string(REGEX REPLACE "\\.so.*" ".a" archive "${library}")
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_NONE "${archive}")
  endif()
endforeach()
find_package(fmt REQUIRED)
# Debian's absl::string_view is not std::string_view, so text is fmt's and ours (core/text.h).
set(SHOAL_ABSEIL absl::status absl::statusor absl::flat_hash_map absl::flat_hash_set
                 absl::inlined_vector absl::span absl::hash fmt::fmt)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(RapidJSON REQUIRED)
add_library(RapidJSON INTERFACE)
target_include_directories(RapidJSON SYSTEM INTERFACE ${RAPIDJSON_INCLUDE_DIRS})
find_package(Threads REQUIRED)

# The malloc. Nothing may call its functions by name, so the linker is told to keep it; malloc, free and
# operator new of every library in the process then resolve to it (alloc/malloc_choice.h checks that).
set(SHOAL_MALLOC_LIBRARIES)
if(ALLOCATOR MATCHES "^(jemalloc|mimalloc)$")
  find_library(SHOAL_MALLOC_${ALLOCATOR} ${ALLOCATOR} REQUIRED)
  set(SHOAL_MALLOC_LIBRARIES
    "-Wl,--push-state,--no-as-needed,${SHOAL_MALLOC_${ALLOCATOR}},--pop-state")
elseif(NOT ALLOCATOR STREQUAL "system")
  message(FATAL_ERROR "ALLOCATOR is '${ALLOCATOR}'; choose jemalloc, mimalloc or system")
endif()
string(TOUPPER ${ALLOCATOR} SHOAL_ALLOCATOR_UPPER)
set(SHOAL_MALLOC_DEFINITION SHOAL_MALLOC_${SHOAL_ALLOCATOR_UPPER})
