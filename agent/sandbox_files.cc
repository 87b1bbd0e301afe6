#include "agent/sandbox_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/log_reader.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

namespace {

FileEntry entry_of(std::string name, const struct stat& info) {
  FileEntry entry;
  entry.name = std::move(name);
  entry.kind = S_ISREG(info.st_mode)   ? FileKind::kFile
               : S_ISDIR(info.st_mode) ? FileKind::kFolder
               : S_ISLNK(info.st_mode) ? FileKind::kLink
                                       : FileKind::kOther;
  entry.size = static_cast<std::uint64_t>(info.st_size);
  entry.disk = static_cast<std::uint64_t>(info.st_blocks) * 512;
  entry.mode = info.st_mode & 07777;
  entry.modified_ms =
      static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  return entry;
}

// "a/b/" -> "b"
std::string last_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

absl::Status list_folder(UniqueFd folder, const std::string& path, FileListing* listing) {
  // Opened again for reading: the handle may be one that only names it.
  UniqueFd readable(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> names(
      readable.valid() ? ::fdopendir(readable.get()) : nullptr, ::closedir);
  if (!names) return errno_status(errno, absl::StrCat("listing ", quoted(path)));
  readable.release();
  while (const dirent* found = ::readdir(names.get())) {
    std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    if (listing->entries.size() == kMaxListedFiles) {
      listing->is_cut = true;
      break;
    }
    struct stat info {};
    if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    listing->entries.push_back(entry_of(std::move(name), info));
  }
  std::sort(listing->entries.begin(), listing->entries.end(),
            [](const FileEntry& a, const FileEntry& b) { return a.name < b.name; });
  return absl::OkStatus();
}

}  // namespace

std::string_view name_of(FileKind kind) {
  switch (kind) {
    case FileKind::kFile:
      return "file";
    case FileKind::kFolder:
      return "folder";
    case FileKind::kLink:
      return "link";
    case FileKind::kOther:
      break;
  }
  return "other";
}

absl::StatusOr<FileListing> list_files(int sandbox, const std::string& path) {
  auto opened = open_below(sandbox, path.empty() ? "." : path, O_PATH, Links::kInside);
  if (!opened.ok()) return opened.status();
  struct stat info {};
  if (::fstat(opened->get(), &info) != 0) {
    return errno_status(errno, absl::StrCat("looking at ", quoted(path)));
  }
  FileListing listing;
  listing.is_folder = S_ISDIR(info.st_mode);
  if (!listing.is_folder) {
    listing.entries.push_back(entry_of(last_name(path), info));
    return listing;
  }
  if (absl::Status listed = list_folder(*std::move(opened), path, &listing); !listed.ok()) {
    return listed;
  }
  return listing;
}

absl::StatusOr<FilePart> read_file_part(int sandbox, const std::string& path, std::uint64_t offset,
                                        std::size_t most) {
  const auto file = open_regular_below(sandbox, path, Links::kInside);
  if (!file.ok()) return file.status();
  const Head head = path == "stdout" || path == "stderr" ? Head::kMayBeCut : Head::kWhole;
  FilePart part;
  part.offset = offset;
  const std::size_t wanted = std::min(most, kMaxReadBytes);
  while (part.data.size() < wanted) {
    auto chunk =
        read_file_chunk(*file, part.offset + part.data.size(), wanted - part.data.size(), head);
    if (!chunk.ok()) return chunk.status();
    part.size = chunk->size;
    if (chunk->offset != part.offset + part.data.size()) {
      if (!part.data.empty()) break;  // the head was cut meanwhile: what is behind it comes next
      part.offset = chunk->offset;
    }
    if (chunk->data.empty()) break;
    part.data += chunk->data;
  }
  return part;
}

}  // namespace shoal::agent
