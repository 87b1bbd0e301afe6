#include "cli/version.h"

#include "alloc/malloc_choice.h"
#include "cli/terminal.h"
#include "core/status.h"
#include "wire/frame.h"

// Given by the build when it knows them.
#ifndef SHOAL_VERSION
#define SHOAL_VERSION "0.1.0"
#endif
#ifndef SHOAL_COMMIT
#define SHOAL_COMMIT ""
#endif

namespace shoal::cli {

VersionInfo version_info() {
  VersionInfo info;
  info.version = SHOAL_VERSION;
  info.commit = SHOAL_COMMIT;
  info.allocator = std::string(alloc::malloc_name());
  info.allocator_version = alloc::malloc_version();
#if defined(__clang__)
  info.compiler = "clang " __clang_version__;
#else
  info.compiler = "gcc " __VERSION__;
#endif
  info.protocol = wire::kProtocolVersion;
  return info;
}

int run_version(const VersionVerb& verb) {
  const VersionInfo info = version_info();
  if (verb.format == OutputFormat::kJson || verb.format == OutputFormat::kJsonLines) {
    return print_output(to_json(info));
  }
  if (verb.format == OutputFormat::kName) return print_output(info.version + "\n");
  return print_output(
      fmt::format("shoal {}{}\nallocator {} {}\ncompiler {}\nprotocol {}\n", info.version,
                  info.commit.empty() ? "" : fmt::format(" ({})", info.commit), info.allocator,
                  info.allocator_version, info.compiler, info.protocol));
}

}  // namespace shoal::cli
