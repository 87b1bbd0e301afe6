// Folders and files of a sandbox, for whoever asks by path. A sandbox is hostile ground: its task
// may swap anything for a link, a fifo or a device at any time, so every path is opened by the
// kernel below the open sandbox (openat2: links may be followed, out of it leads none), and what
// was opened is looked at again.
//
// Everything here blocks: to be called away from the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace shoal::agent {

inline constexpr std::size_t kMaxListedFiles = 10'000;
inline constexpr std::size_t kMaxReadBytes = 1024 * 1024;

enum class FileKind : std::uint8_t { kFile, kFolder, kLink, kOther };
std::string_view name_of(FileKind kind);  // "file", "folder", "link", "other"

struct FileEntry {
  std::string name;  // any bytes but '/' and NUL
  FileKind kind = FileKind::kOther;
  std::uint64_t size = 0;  // bytes, as the file system says; of a log that was cut, with the hole
  std::uint64_t disk = 0;  // bytes that it takes on the disk
  std::uint32_t mode = 0;  // permission bits
  std::int64_t modified_ms = 0;  // wall clock
};

struct FileListing {
  bool is_folder = false;          // false: the path is a file, the only entry
  bool is_cut = false;             // there are more than kMaxListedFiles
  std::vector<FileEntry> entries;  // by name
};

// What is at `path` below `sandbox`, an open folder; "" is the sandbox itself. Links are listed,
// never what they lead to. NOT_FOUND; FAILED_PRECONDITION: it leads out of the sandbox;
// INVALID_ARGUMENT: absolute, or with a NUL byte.
absl::StatusOr<FileListing> list_files(int sandbox, const std::string& path);

struct FilePart {
  std::string data;
  std::uint64_t offset = 0;  // of `data`: behind what was asked for where the log's head was cut
  std::uint64_t size = 0;    // of the whole file
};

// Up to min(most, kMaxReadBytes) bytes from `offset` on; none beyond the end. Regular files only:
// anything else is FAILED_PRECONDITION. Other errors as above.
absl::StatusOr<FilePart> read_file_part(int sandbox, const std::string& path, std::uint64_t offset,
                                        std::size_t most);

}  // namespace shoal::agent
