#include "agent/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/errno_status.h"
#include "agent/process.h"
#include "agent/sandbox.h"

namespace shoal::agent {

namespace {

constexpr char kFirstLine[] = "shoal-process 1";
constexpr std::size_t kMaxRecordBytes = 2048;
constexpr int kRounds = 10;
constexpr int kRoundWaitMs = 200;

std::string folder_of(const std::string& data_dir) { return data_dir + "/running"; }

// "<key>=<value>" with exactly that key; nullopt otherwise.
std::optional<std::string> value_of(const std::string& line, std::string_view key) {
  if (line.size() <= key.size() || line.compare(0, key.size(), key) != 0 ||
      line[key.size()] != '=') {
    return std::nullopt;
  }
  return line.substr(key.size() + 1);
}

template <typename Number>
bool to_number(const std::optional<std::string>& text, Number* out) {
  if (!text) return false;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), *out);
  return result.ec == std::errc() && result.ptr == text->data() + text->size();
}

absl::StatusOr<std::string> read_small_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return errno_status(errno, absl::StrCat("reading ", path));
  std::string text(kMaxRecordBytes + 1, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return errno_status(errno, absl::StrCat("reading ", path));
  text.resize(static_cast<std::size_t>(got));
  return text;
}

absl::Status write_file(const std::string& path, std::string_view text) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_status(errno, absl::StrCat("writing ", path));
  const ssize_t put = ::write(fd.get(), text.data(), text.size());
  if (put < 0) return errno_status(errno, absl::StrCat("writing ", path));
  if (static_cast<std::size_t>(put) != text.size()) {
    return errno_status(ENOSPC, absl::StrCat("writing ", path));
  }
  return absl::OkStatus();
}

// One pass over the machine's processes at a time; see kill_leftovers.
class Hunt {
 public:
  explicit Hunt(const std::vector<const ProcessRecord*>& records) {
    for (const ProcessRecord* record : records) {
      if (record->pid != 0) by_pid_[record->pid] = record;
      by_uuid_[record->run_uuid] = record;
    }
  }

  // Kills what it finds and waits a little for it to end. How many it has found alive.
  std::size_t round(std::size_t* killed) {
    found_.clear();
    leaders_.clear();
    for (const pid_t pid : all_processes()) {
      if (pid > 1 && pid != ::getpid()) look_at(pid);
    }
    const std::size_t alive = found_.size() + leaders_.size();
    // A leader goes last: while it is there, what is in its session is known to be the task's. It
    // is stopped so that it starts nothing more.
    for (const UniqueFd& leader : leaders_) send_signal(leader, found_.empty() ? SIGKILL : SIGSTOP);
    if (found_.empty()) *killed += leaders_.size();
    for (const UniqueFd& process : found_) *killed += send_signal(process, SIGKILL) ? 1 : 0;
    wait_for(found_.empty() ? leaders_ : found_);
    return alive;
  }

 private:
  bool is_leader(const ProcStat& stat) const {
    const auto record = by_pid_.find(stat.pid);
    return record != by_pid_.end() && record->second->start_time == stat.start_time;
  }

  bool in_session_of_a_leader(const ProcStat& stat) const {
    const auto record = by_pid_.find(stat.session);
    if (record == by_pid_.end()) return false;
    // Looked at after the member: if the leader is there now, the number was its own then.
    const auto leader = read_proc_stat(stat.session);
    return leader && leader->start_time == record->second->start_time;
  }

  bool carries_a_uuid(const ProcStat& stat) const {
    const auto record = by_uuid_.find(read_task_marker(stat.pid));
    return record != by_uuid_.end() && stat.start_time >= record->second->start_time;
  }

  void look_at(pid_t pid) {
    const auto stat = read_proc_stat(pid);
    if (!stat || stat->ended()) return;
    UniqueFd handle = open_same_process(*stat);
    if (!handle.valid()) return;
    if (is_leader(*stat)) {
      leaders_.push_back(std::move(handle));
    } else if (in_session_of_a_leader(*stat) || carries_a_uuid(*stat)) {
      // The environment was read by pid: make sure that it was still this process's.
      const auto now = read_proc_stat(pid);
      if (now && now->start_time == stat->start_time) found_.push_back(std::move(handle));
    }
  }

  static void wait_for(const std::vector<UniqueFd>& processes) {
    for (const UniqueFd& process : processes) {
      pollfd ended{process.get(), POLLIN, 0};
      ::poll(&ended, 1, kRoundWaitMs);
    }
  }

  absl::flat_hash_map<pid_t, const ProcessRecord*> by_pid_;
  absl::flat_hash_map<std::string, const ProcessRecord*> by_uuid_;
  std::vector<UniqueFd> found_;
  std::vector<UniqueFd> leaders_;
};

}  // namespace

std::string encode_record(const ProcessRecord& record) {
  return absl::StrCat(kFirstLine, "\nrun=", record.run_uuid, "\nframework=", record.framework_id,
                      "\ntask=", record.task_id, "\npid=", record.pid,
                      "\nstart_time=", record.start_time, "\nboot_id=", record.boot_id, "\n");
}

absl::StatusOr<ProcessRecord> decode_record(std::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError("not a process record");
  if (text.size() > kMaxRecordBytes) return bad;
  const std::vector<std::string> line =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  if (line.size() != 8 || line[0] != kFirstLine || !line[7].empty()) return bad;
  ProcessRecord record;
  const auto run = value_of(line[1], "run");
  const auto framework = value_of(line[2], "framework");
  const auto task = value_of(line[3], "task");
  const auto boot = value_of(line[6], "boot_id");
  if (!run || !framework || !task || !boot || !to_number(value_of(line[4], "pid"), &record.pid) ||
      !to_number(value_of(line[5], "start_time"), &record.start_time) ||
      !check_id("run", *run).ok() || !check_id("framework", *framework).ok() ||
      !check_id("task", *task).ok() || !check_id("boot id", *boot).ok()) {
    return bad;
  }
  const bool is_about_to_begin = record.pid == 0 && record.start_time == 0;
  if (record.pid <= 1 && !is_about_to_begin) return bad;
  record.run_uuid = *run;
  record.framework_id = *framework;
  record.task_id = *task;
  record.boot_id = *boot;
  return record;
}

absl::Status write_record(const std::string& data_dir, const ProcessRecord& record) {
  const std::string text = encode_record(record);
  if (const auto check = decode_record(text); !check.ok()) return check.status();
  const std::string folder = folder_of(data_dir);
  const std::string path = absl::StrCat(folder, "/", record.run_uuid);
  const std::string temporary = absl::StrCat(folder, "/~", record.run_uuid);
  absl::Status status = write_file(temporary, text);
  if (absl::IsNotFound(status) && ::mkdir(folder.c_str(), 0700) == 0) {
    status = write_file(temporary, text);
  }
  // Not synced: after a power cut nothing runs any more, and a crash of the agent loses no page.
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = errno_status(errno, absl::StrCat("writing ", path));
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

absl::Status remove_record(const std::string& data_dir, const std::string& run_uuid) {
  if (auto status = check_id("run id", run_uuid); !status.ok()) return status;
  const std::string path = absl::StrCat(folder_of(data_dir), "/", run_uuid);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return errno_status(errno, absl::StrCat("removing ", path));
}

absl::StatusOr<FoundRecords> find_records(const std::string& data_dir) {
  FoundRecords found;
  const std::string folder = folder_of(data_dir);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) {
    if (errno == ENOENT) return found;
    return errno_status(errno, absl::StrCat("reading ", folder));
  }
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = absl::StrCat(folder, "/", name);
    if (name.front() == '~') {  // not finished when the agent died, so its task never was noted
      ::unlink(path.c_str());
      continue;
    }
    const auto text = read_small_file(path);
    auto record = text.ok() ? decode_record(*text) : text.status();
    if (record.ok() && record->run_uuid == name) {
      found.records.push_back(*std::move(record));
    } else {
      found.ignored.push_back(path);
    }
  }
  return found;
}

absl::StatusOr<LeftoverReport> kill_leftovers(const std::string& data_dir,
                                              const std::string& boot_id) {
  auto found = find_records(data_dir);
  if (!found.ok()) return found.status();
  LeftoverReport report;
  report.records = std::move(found->records);
  report.ignored = std::move(found->ignored);
  std::vector<const ProcessRecord*> of_this_boot;
  for (const ProcessRecord& record : report.records) {
    // Of another boot: the machine was restarted, nothing of it can be alive.
    if (!boot_id.empty() && record.boot_id == boot_id) of_this_boot.push_back(&record);
  }
  if (!of_this_boot.empty()) {
    Hunt hunt(of_this_boot);
    // Until a pass finds nothing: the last one killed may have started another just before.
    for (int round = 0; round < kRounds; ++round) {
      report.survivors = hunt.round(&report.killed);
      if (report.survivors == 0) break;
    }
  }
  if (report.survivors > 0) return report;
  for (const ProcessRecord& record : report.records) {
    if (auto status = remove_record(data_dir, record.run_uuid); !status.ok()) return status;
  }
  return report;
}

}  // namespace shoal::agent
