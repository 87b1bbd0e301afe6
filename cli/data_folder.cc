#include "cli/data_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "cli/terminal.h"
#include "core/status.h"

namespace shoal::cli {

namespace fs = std::filesystem;

absl::Status DataFolder::prepare(const std::string& wanted, const std::string& kind) {
  std::error_code error;
  if (!wanted.empty()) {
    fs::create_directories(wanted, error);
    path_ = fs::absolute(wanted).lexically_normal().string();
  } else {
    const fs::path parent = fs::temp_directory_path(error);
    std::string pattern = (parent / (kind + "-XXXXXX")).string();
    if (error || ::mkdtemp(pattern.data()) == nullptr) {
      return absl::InternalError(
          fmt::format("cannot make a temporary folder: {}", std::strerror(errno)));
    }
    path_ = pattern;
    is_temporary_ = true;
  }
  if (!error) return absl::OkStatus();
  return absl::InternalError(fmt::format("cannot make {}: {}", wanted, error.message()));
}

DataFolder::~DataFolder() {
  std::error_code error;
  if (is_temporary_) fs::remove_all(path_, error);
  if (error) say(fmt::format("cannot remove {}: {}", path_, error.message()));
}

}  // namespace shoal::cli
