#include "agent/leftovers.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "agent/sandbox.h"

namespace shoal::agent {

namespace {

constexpr int kRounds = 10;
constexpr int kRoundWaitMs = 200;

struct Seen {
  ProcStat stat;
  UniqueFd handle;
  bool is_prey = false;
};

}  // namespace

bool Hunt::is_prey(pid_t pid) const {
  const ProcessEnvironment environment(pid);
  const std::string uuid(environment.get(kTaskMarker));
  if (uuid.empty()) return false;
  if (options_.doomed.contains(uuid)) return true;
  if (options_.data_dir.empty() || options_.spared.contains(uuid)) return false;
  const std::string sandbox =
      sandbox_path(options_.data_dir, {std::string(environment.get("SHOAL_FRAMEWORK_ID")),
                                       std::string(environment.get("SHOAL_TASK_ID")), uuid});
  return environment.get("SHOAL_SANDBOX") == sandbox;
}

std::size_t Hunt::round() {
  const pid_t own_session = ::getsid(0);
  std::vector<Seen> all;
  absl::flat_hash_set<pid_t> sessions;
  for (const pid_t pid : all_processes()) {
    if (pid <= 1 || pid == ::getpid()) continue;
    const auto stat = read_proc_stat(pid);
    // What shares our session was started with us: it may carry the mark of a task that started us.
    if (!stat || stat->ended() || stat->session == own_session) continue;
    Seen seen{*stat, open_same_process(*stat), false};
    if (!seen.handle.valid()) continue;
    if (is_prey(pid)) {
      // The environment was read by pid: make sure that it was still this process's.
      const auto now = read_proc_stat(pid);
      seen.is_prey = now && now->start_time == stat->start_time;
      if (seen.is_prey && stat->session > 1) sessions.insert(stat->session);
    }
    all.push_back(std::move(seen));
  }
  found_.clear();
  for (Seen& seen : all) {
    if (!seen.is_prey && !sessions.contains(seen.stat.session)) continue;
    if (send_signal(seen.handle, SIGKILL)) ++killed_;
    found_.push_back(std::move(seen.handle));
  }
  return found_.size();
}

void Hunt::wait() const {
  for (const UniqueFd& process : found_) {
    pollfd ended{process.get(), POLLIN, 0};
    if (::poll(&ended, 1, kRoundWaitMs) == 0) return;
  }
}

HuntReport kill_leftovers(HuntOptions options) {
  Hunt hunt(std::move(options));
  HuntReport report;
  // Until a pass finds nothing: the last one killed may have started another just before.
  for (int round = 0; round < kRounds; ++round) {
    report.survivors = hunt.round();
    if (report.survivors == 0) break;
    hunt.wait();
  }
  report.killed = hunt.killed();
  return report;
}

}  // namespace shoal::agent
