#include "net/reactor_threads.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text.h"
#include "net/reactor.h"

namespace shoal::net {
namespace {

// Where all threads wait for each other, again and again.
class Meeting {
 public:
  explicit Meeting(std::size_t count) : count_(count) {}

  void join() {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::uint64_t round = round_;
    if (++waiting_ == count_) {
      waiting_ = 0;
      ++round_;
      all_here_.notify_all();
      return;
    }
    all_here_.wait(lock, [&] { return round_ != round; });
  }

 private:
  const std::size_t count_;
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::size_t waiting_ = 0;
  std::uint64_t round_ = 0;
};

// Of one member and its reactor; taken before any of them ends.
struct Descriptors {
  std::vector<int> own;
  std::vector<int> shared;
};

std::vector<Descriptors> descriptors_of(const std::vector<ReactorThread>& members) {
  std::vector<Descriptors> all;
  for (const ReactorThread& member : members) {
    Descriptors one{member.reactor->own_descriptors(), member.reactor->shared_descriptors()};
    one.own.insert(one.own.end(), member.own.begin(), member.own.end());
    one.shared.insert(one.shared.end(), member.shared.begin(), member.shared.end());
    all.push_back(std::move(one));
  }
  return all;
}

void close_of_others(const std::vector<Descriptors>& all, std::size_t self,
                     std::vector<int> Descriptors::*which) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == self) continue;
    for (const int fd : all[i].*which) ::close(fd);
  }
}

// In a table that was just copied: sockets of threads that are no members, as of a standby that
// still has peers. Nobody would close them here, so their other ends would wait for ever, and the
// table be full of them.
void close_foreign_sockets(const std::vector<Descriptors>& all, std::size_t self) {
  std::vector<int> kept = all[self].own;
  for (const Descriptors& one : all) {
    kept.insert(kept.end(), one.shared.begin(), one.shared.end());
  }
  std::sort(kept.begin(), kept.end());
  std::vector<int> foreign;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc/thread-self/fd", error), end;
       !error && it != end; it.increment(error)) {
    int fd = -1;
    struct stat info {};
    if (!core::parse_int(it->path().filename().native(), &fd)) continue;
    if (::fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) continue;
    if (!std::binary_search(kept.begin(), kept.end(), fd)) foreign.push_back(fd);
  }
  for (const int fd : foreign) ::close(fd);
}

class Run {
 public:
  Run(const std::vector<ReactorThread>& members, bool part, const std::function<void()>& stopped)
      : members_(members),
        part_(part),
        all_stopped_(stopped),
        descriptors_(descriptors_of(members)),
        meeting_(members.size()),
        errors_(members.size(), 0) {}

  void on_thread(std::size_t i) {
    // The first one keeps the table of the process.
    if (part_ && i != 0 && ::unshare(CLONE_FILES) != 0) errors_[i] = errno;
    meeting_.join();
    if (error() == 0) {
      if (part_) close_of_others(descriptors_, i, &Descriptors::own);
      if (part_ && i != 0) close_foreign_sockets(descriptors_, i);
      members_[i].reactor->run();
    }
    meeting_.join();
    if (i == 0) all_stopped_();
    meeting_.join();
    members_[i].end();
  }

  // On the first thread, when the others are gone, and their tables with them.
  void finish() {
    if (part_ && error() == 0) close_of_others(descriptors_, 0, &Descriptors::shared);
  }

  int error() const { return *std::max_element(errors_.begin(), errors_.end()); }

 private:
  const std::vector<ReactorThread>& members_;
  const bool part_;
  const std::function<void()>& all_stopped_;
  const std::vector<Descriptors> descriptors_;
  Meeting meeting_;
  std::vector<int> errors_;  // errno of each; read by all after they have met
};

}  // namespace

absl::Status run_reactors(const std::vector<ReactorThread>& members, DescriptorTables tables,
                          const std::function<void()>& all_stopped) {
  Run run(members, tables == DescriptorTables::kPerReactor && members.size() > 1, all_stopped);
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < members.size(); ++i) {
    threads.emplace_back([&run, i] { run.on_thread(i); });
  }
  run.on_thread(0);
  for (std::thread& thread : threads) thread.join();
  run.finish();
  if (run.error() == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("no descriptor table for each reactor: unshare: ", std::strerror(run.error())));
}

}  // namespace shoal::net
