#include "agent/update_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "agent/errno_status.h"
#include "net/whole_file.h"

namespace shoal::agent {

namespace {

constexpr std::size_t kMinBloatedBytes = 1024 * 1024;
constexpr std::size_t kBloatedTimes = 4;
constexpr std::size_t kMaxFileBytes = 256 * 1024 * 1024;  // far above what compaction lets grow
constexpr std::chrono::seconds kRetry{1};

absl::Status write_all(int fd, wire::Bytes bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_status(errno, "writing " + path);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status sync_folder(const std::string& path) {
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) return errno_status(errno, "syncing " + path);
  return absl::OkStatus();
}

// Checkpoints that were made since the last commit. First all are sent off, so that one commit of
// the file system takes them all; then they are waited for.
absl::Status sync_files(const std::vector<CheckpointFiles>& files, const std::string& meta) {
  if (files.empty()) return absl::OkStatus();
  for (const CheckpointFiles& each : files) {
    ::sync_file_range(each.task.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (const CheckpointFiles& each : files) {
    if (::fsync(each.task.get()) != 0 || ::fsync(each.folder.get()) != 0) {
      return errno_status(errno, "syncing a task's record in " + meta);
    }
  }
  return sync_folder(meta);
}

// A file that holds `bytes` in the place of the one there; open for appending.
absl::StatusOr<UniqueFd> replace_file(const std::string& path, const std::string& folder,
                                      wire::Bytes bytes) {
  const std::string aside = path + ".tmp";
  UniqueFd fd(::open(aside.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_status(errno, "opening " + aside);
  absl::Status status = write_all(fd.get(), bytes, aside);
  if (status.ok() && ::fsync(fd.get()) != 0) status = errno_status(errno, "syncing " + aside);
  if (status.ok() && ::rename(aside.c_str(), path.c_str()) != 0) {
    status = errno_status(errno, "replacing " + path);
  }
  if (status.ok()) status = sync_folder(folder);
  if (!status.ok()) return status;
  return fd;
}

}  // namespace

// What one commit does; touched by the pool's thread only while it runs.
struct UpdateLog::Commit {
  std::string path;
  std::string folder;
  int file = -1;
  std::size_t size = 0;  // of the file before
  wire::ByteVector bytes;
  std::vector<CheckpointFiles> files;
  bool replaces = false;
  bool is_urgent = false;
  std::uint64_t ticket = 0;
  absl::Status status;
  bool is_full = false;  // status is of a write that left the file as it was
  UniqueFd new_file;     // of a replacement

  void run() {
    status = sync_files(files, folder);
    if (!status.ok()) return;
    if (replaces) {
      auto made = replace_file(path, folder, bytes);
      status = made.status();
      is_full = absl::IsResourceExhausted(status);
      if (made.ok()) new_file = *std::move(made);
      return;
    }
    status = write_all(file, bytes, path);
    if (!status.ok()) {
      is_full =
          absl::IsResourceExhausted(status) && ::ftruncate(file, static_cast<off_t>(size)) == 0;
      return;
    }
    if (is_urgent && ::fdatasync(file) != 0) status = errno_status(errno, "syncing " + path);
  }
};

std::string update_log_path(const std::string& data_dir) {
  return meta_folder(data_dir) + "/updates";
}

absl::StatusOr<ReadHistory> read_update_log(const std::string& data_dir) {
  const auto text = net::read_whole_file(update_log_path(data_dir), kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return ReadHistory();
  if (!text.ok()) return text.status();
  return read_history(
      wire::Bytes(reinterpret_cast<const std::uint8_t*>(text->data()), text->size()));
}

absl::StatusOr<std::unique_ptr<UpdateLog>> UpdateLog::create(net::Reactor& reactor,
                                                             const std::string& data_dir,
                                                             const wire::ByteVector& history,
                                                             Hooks hooks) {
  std::unique_ptr<UpdateLog> log(new UpdateLog(reactor, data_dir, std::move(hooks)));
  auto file = replace_file(update_log_path(data_dir), meta_folder(data_dir), history);
  if (!file.ok()) return file.status();
  log->file_ = *std::move(file);
  log->size_ = log->compacted_size_ = history.size();
  return log;
}

UpdateLog::UpdateLog(net::Reactor& reactor, std::string data_dir, Hooks hooks)
    : reactor_(reactor),
      data_dir_(std::move(data_dir)),
      hooks_(std::move(hooks)),
      retry_timer_(reactor, [this] { reactor_.run_again(); }) {
  hook_ = reactor_.at_turn_end([this] { on_turn_end(); });
}

UpdateLog::~UpdateLog() {
  task_.reset();
  reactor_.remove_hook(hook_);
}

std::uint64_t UpdateLog::append(const core::TaskStatus& status) {
  append_record(status, buffer_);
  is_urgent_ = true;
  return ++last_ticket_;
}

void UpdateLog::append(const core::AcknowledgeUpdate& message) { append_record(message, buffer_); }

void UpdateLog::append(const core::RemoveFramework& message) { append_record(message, buffer_); }

void UpdateLog::sync_too(CheckpointFiles files) { files_.push_back(std::move(files)); }

bool UpdateLog::is_bloated() const {
  return size_ > kMinBloatedBytes && size_ > kBloatedTimes * compacted_size_;
}

void UpdateLog::on_turn_end() {
  if (is_idle() || commit_ != nullptr || has_failed_ || retry_timer_.is_active()) return;
  commit_ = std::make_unique<Commit>();
  commit_->path = update_log_path(data_dir_);
  commit_->folder = meta_folder(data_dir_);
  commit_->file = file_.get();
  commit_->size = size_;
  commit_->replaces = is_bloated();
  commit_->bytes = commit_->replaces ? hooks_.history() : buffer_;
  if (!commit_->replaces) buffer_.clear();
  commit_->files = std::exchange(files_, {});
  commit_->is_urgent = std::exchange(is_urgent_, false);
  commit_->ticket = last_ticket_;
  if (commit_->replaces) buffer_.clear();  // what it says is in the history
  task_ = std::make_unique<net::BackgroundTask>(
      reactor_, [commit = commit_.get()] { commit->run(); }, [this] { on_committed(); });
}

void UpdateLog::on_committed() {
  const std::unique_ptr<Commit> done = std::move(commit_);
  if (done->status.ok()) {
    if (done->replaces) {
      file_ = std::move(done->new_file);
      size_ = compacted_size_ = done->bytes.size();
    } else {
      size_ += done->bytes.size();
    }
    reactor_.run_again();  // more may have come
    return hooks_.on_durable(done->ticket);
  }
  if (!done->is_full) {
    has_failed_ = true;
    return hooks_.on_failed(done->status);
  }
  // As if it had not begun. A history is made anew.
  if (!done->replaces) buffer_.insert(buffer_.begin(), done->bytes.begin(), done->bytes.end());
  files_.insert(files_.begin(), std::make_move_iterator(done->files.begin()),
                std::make_move_iterator(done->files.end()));
  is_urgent_ = true;
  retry_timer_.start(kRetry);
  hooks_.on_full(done->status);
}

}  // namespace shoal::agent
