#include "agent/disk_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "core/time.h"
#include "net/clock.h"

namespace shoal::agent {

namespace {

// After so long the rest of a portion waits for the next: what is done is told without it.
constexpr std::chrono::milliseconds kPatience{2};

}  // namespace

void DiskQueue::add(std::function<void()> work, std::function<void()> done) {
  waiting_.push_back({std::move(work), std::move(done)});
  if (task_ == nullptr) begin();
}

void DiskQueue::begin() {
  const auto count = std::min(waiting_.size(), kMostPerTurn);
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  portion_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  worked_ = 0;
  task_ = std::make_unique<net::BackgroundTask>(
      reactor_, [this] { run_portion(); }, [this] { on_portion(); });
}

void DiskQueue::run_portion() {
  const core::TimePoint begin = net::monotonic_now();
  do {
    portion_[worked_].work();
    ++worked_;
  } while (worked_ < portion_.size() && net::monotonic_now() - begin < kPatience);
}

void DiskQueue::on_portion() {
  task_.reset();
  std::vector<Job> over = std::exchange(portion_, {});
  const auto rest = over.begin() + static_cast<std::ptrdiff_t>(worked_);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(rest),
                  std::make_move_iterator(over.end()));
  over.erase(rest, over.end());
  if (!waiting_.empty()) begin();  // it goes on while the loop does its part
  for (const Job& job : over) {
    if (job.done) job.done();
  }
}

void DiskQueue::settle() {
  task_.reset();
  for (; worked_ < portion_.size(); ++worked_) portion_[worked_].work();
  portion_.clear();
  for (const Job& job : std::exchange(waiting_, {})) job.work();
}

}  // namespace shoal::agent
