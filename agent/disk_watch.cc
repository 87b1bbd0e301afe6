#include "agent/disk_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace shoal::agent {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

std::uint64_t bytes_of(core::Milli mebibytes) {
  const auto milli = static_cast<std::uint64_t>(mebibytes);
  return milli / 1000 * kMebibyte + milli % 1000 * kMebibyte / 1000;
}

std::uint64_t rounded_up(std::uint64_t bytes) { return (bytes + kMebibyte - 1) / kMebibyte; }

// Empty: it is not.
std::string why_over(const DiskWalk& walk, std::uint64_t quota) {
  if (walk.bytes() > quota) {
    return fmt::format("its sandbox holds {} MiB, more than the {} MiB of disk that it asked for",
                       rounded_up(walk.bytes()), rounded_up(quota));
  }
  if (!walk.is_too_deep()) return "";
  return fmt::format(
      "its sandbox has folders {} deep: what it takes of the {} MiB of disk that it asked for "
      "cannot be told",
      DiskWalk::kMaxDepth, rounded_up(quota));
}

}  // namespace

std::uint64_t disk_quota(const core::Resources& resources) {
  std::uint64_t bytes = bytes_of(resources.disk);
  for (const core::Lot& lot : resources.lots) {
    const core::LotTags& tags = *lot.tags;
    if (tags.volume.has_value() || tags.disk_kind != core::DiskKind::kRoot) continue;
    bytes += bytes_of(lot.amounts.disk);
  }
  return bytes;
}

DiskWatch::DiskWatch(net::Reactor& reactor, DiskWatchOptions options)
    : reactor_(reactor), options_(std::move(options)), timer_(reactor, [this] { look(); }) {}

void DiskWatch::look() {
  if (!is_in_round_) {
    const std::vector<QuotaOfTask> tasks = options_.tasks();
    queue_.assign(tasks.begin(), tasks.end());
    is_in_round_ = true;
  }
  if (queue_.empty()) return on_worked();
  work_ = std::make_unique<net::BackgroundTask>(
      reactor_, [this] { work(); }, [this] { on_worked(); });
}

// On the pool.
void DiskWatch::work() {
  std::size_t left = kEntries;
  while (left > 0 && !queue_.empty()) {
    if (!walk_.has_value()) {
      --left;  // an empty one costs something, too
      auto folder = open_sandbox(options_.data_dir, queue_.front().id);
      if (!folder.ok()) {  // it has ended
        queue_.pop_front();
        continue;
      }
      walk_.emplace(*std::move(folder));
    }
    const std::size_t looked = walk_->step(left);
    if (looked == left) return;  // there may be more
    left -= looked;
    const DiskWalk walk = *std::exchange(walk_, std::nullopt);
    conclude(walk);
  }
}

// On the pool.
void DiskWatch::conclude(const DiskWalk& walk) {
  std::string why = why_over(walk, queue_.front().bytes);
  if (!why.empty() && !is_second_) {
    is_second_ = true;
    return;
  }
  if (!why.empty()) found_.push_back({std::move(queue_.front()), std::move(why)});
  is_second_ = false;
  queue_.pop_front();
}

void DiskWatch::on_worked() {
  work_.reset();
  for (const Found& found : std::exchange(found_, {})) {
    options_.on_over(found.task.framework, found.task.id.task_id, found.why);
  }
  if (!queue_.empty()) return timer_.start(kPause);
  is_in_round_ = false;
  ++rounds_;
  timer_.start(options_.interval);
}

}  // namespace shoal::agent
