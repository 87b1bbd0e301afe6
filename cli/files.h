// `shoal files`: what is in the sandbox of a task, asked of its agent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "cli/terminal.h"

namespace shoal::cli {

int run_files(const FilesVerb& verb);

struct FileRow {
  std::string name;
  std::string kind;  // "file", "folder", "link", "other"
  std::uint64_t size = 0;
  std::uint64_t disk = 0;
  std::string mode;
  std::int64_t modified_ms = 0;
};

struct FileRows {
  std::vector<FileRow> rows;
  bool is_cut = false;  // there are more
};

// The agent's answer. Errors: INVALID_ARGUMENT.
absl::StatusOr<FileRows> parse_files(std::string_view json);

std::string files_to_table(const std::vector<FileRow>& rows, const Terminal& terminal);
std::string files_to_json(const std::vector<FileRow>& rows, bool lines);

}  // namespace shoal::cli
