#include "agent/log_cutter.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "agent/errno_status.h"
#include "agent/log_reader.h"
#include "core/status.h"

namespace shoal::agent {

namespace {

constexpr const char* kLogs[] = {"stdout", "stderr"};
constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

}  // namespace

absl::StatusOr<CutResult> cut_log(int sandbox, const std::string& name, std::uint64_t most,
                                  std::uint64_t held_from) {
  const auto file = open_below(sandbox, name, O_RDWR, Links::kNone);
  if (!file.ok()) return file.status();
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) return errno_status(errno, "looking at a log");
  // A second name means that the task has linked something that is not its own to cut.
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1) {
    return absl::FailedPreconditionError(
        fmt::format("{} is no regular file of one name: it is not cut", quoted(name)));
  }
  CutResult result;
  result.size = static_cast<std::uint64_t>(info.st_size);
  result.head = head_of(*file);
  const std::uint64_t there = result.size - std::min(result.head, result.size);
  if (there < 2 * most) return result;
  std::uint64_t until = result.size - most;
  if (there < LogCutter::kSlack * most) until = std::min(until, held_from);
  // Whole blocks, so that the hole ends where it was cut.
  until -= until % static_cast<std::uint64_t>(std::max<blksize_t>(info.st_blksize, 1));
  if (until <= result.head) return result;
  if (::fallocate(file->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  static_cast<off_t>(until)) != 0) {
    if (errno != EOPNOTSUPP) return errno_status(errno, fmt::format("cutting {}", quoted(name)));
    return absl::FailedPreconditionError(
        "the file system of the data folder knows no holes: logs are not bounded");
  }
  result.cut = until - result.head;
  result.head = until;
  return result;
}

LogCutter::LogCutter(net::Reactor& reactor, LogCutterOptions options)
    : reactor_(reactor), options_(std::move(options)), timer_(reactor, [this] { look(); }) {}

void LogCutter::look() {
  items_.clear();
  options_.max_bytes = next_max_bytes_;
  for (const SupervisedTask& task : options_.tasks()) {
    Item item{task.id, {}};
    for (std::size_t i = 0; i < std::size(kLogs); ++i) {
      item.held_from[i] = options_.followed(task, kLogs[i]).value_or(kNobody);
    }
    items_.push_back(std::move(item));
  }
  if (items_.empty()) return on_worked();
  work_ = std::make_unique<net::BackgroundTask>(
      reactor_, [this] { work(); }, [this] { on_worked(); });
}

// On the pool.
void LogCutter::work() {
  absl::flat_hash_map<std::string, std::array<std::uint64_t, 2>> sizes;
  for (const Item& item : items_) {
    const auto sandbox = open_sandbox(options_.data_dir, item.id);
    if (!sandbox.ok()) continue;
    const auto before = sizes_.find(item.id.run_uuid);
    std::array<std::uint64_t, 2>& now = sizes[item.id.run_uuid];
    for (std::size_t i = 0; i < std::size(kLogs); ++i) {
      const auto result = cut_log(sandbox->get(), kLogs[i], options_.max_bytes, item.held_from[i]);
      if (result.ok()) {
        now[i] = result->size;
        const std::uint64_t known = before == sizes_.end() ? 0 : before->second[i];
        const std::uint64_t grown = result->size - std::min(result->size, known);
        is_busy_ |= grown >= options_.max_bytes / 4 /
                                 static_cast<std::uint64_t>(kQuietInterval / since_last_);
        found_.cuts += result->cut > 0 ? 1 : 0;
        found_.cut_bytes += result->cut;
      } else if (!absl::IsNotFound(result.status())) {
        ++found_.failed;
        failure_ = result.status();
      }
    }
  }
  sizes_ = std::move(sizes);
}

void LogCutter::on_worked() {
  work_.reset();
  ++looks_;
  const LogCutterCounters found = std::exchange(found_, {});
  counters_.cuts += found.cuts;
  counters_.cut_bytes += found.cut_bytes;
  counters_.failed += found.failed;
  const absl::Status failure = std::exchange(failure_, absl::OkStatus());
  if (!failure.ok() && core::message_of(failure) != last_complaint_) {
    last_complaint_ = core::message_of(failure);
    options_.log(last_complaint_);
  }
  since_last_ = std::exchange(is_busy_, false) ? kBusyInterval : kQuietInterval;
  timer_.start(since_last_);
}

}  // namespace shoal::agent
