// Work with files of tasks, away from the loop and in order: a disk that is slow, or busy with its
// journal, holds up what waits for it and nothing else.
//
// Jobs run one after the other on libuv's pool. What follows them runs in the loop, for at most
// kMostPerTurn of them in one turn, so that a thousand tasks that begin or end at once do not keep
// it either.
//
// Threads: the reactor's; `work` alone runs elsewhere.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "net/background.h"
#include "net/reactor.h"

namespace shoal::agent {

class DiskQueue {
 public:
  static constexpr std::size_t kMostPerTurn = 8;

  explicit DiskQueue(net::Reactor& reactor) : reactor_(reactor) {}
  // Waits for a job that runs; what has not begun is dropped.
  ~DiskQueue() = default;
  DiskQueue(const DiskQueue&) = delete;
  DiskQueue& operator=(const DiskQueue&) = delete;

  // `work` shares nothing with the loop until `done`, which comes in the order of add(). Never
  // calls either. `done` may add, and may be empty.
  void add(std::function<void()> work, std::function<void()> done = {});

  // Runs what waits here and now, and blocks for it; no `done` is called. For the end.
  void settle();

  bool is_idle() const { return task_ == nullptr && waiting_.empty(); }

 private:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;
  };

  void begin();
  void run_portion();
  void on_portion();

  net::Reactor& reactor_;
  std::deque<Job> waiting_;
  std::vector<Job> portion_;                   // of task_; nobody else touches it meanwhile
  std::size_t worked_ = 0;                     // of portion_: how many are done with
  std::unique_ptr<net::BackgroundTask> task_;  // last: it uses the two above
};

}  // namespace shoal::agent
