# Warnings, hardening and sanitizers, the same for every target.
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror
                    -fno-omit-frame-pointer)
include_directories(${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialized members in every move of an absl::InlinedVector at -O2; clang does not.
  add_compile_options(-Wno-maybe-uninitialized)
endif()

if(SANITIZE STREQUAL "none")
  add_compile_options(-fstack-protector-strong)
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
else()
  # A sanitizer brings its own malloc.
  set(ALLOCATOR system)
  add_compile_options(-fsanitize=${SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SANITIZE})
  if(SANITIZE MATCHES "thread")
    add_compile_options(-Wno-tsan)  # gcc: atomic_thread_fence is unknown to TSAN; net/wake.h annotates it
  endif()
  if(SANITIZE MATCHES "thread.*undefined|undefined.*thread")
    # This check looks at memory through a pipe, whose numbers the other sanitizer takes for shared.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
if(FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "FUZZ=ON needs clang: -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage in every library; the programs link the rest
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
