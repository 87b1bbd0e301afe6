#include "agent/device_rules.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "agent/errno_status.h"
#include "agent/unique_fd.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr int kPtsMajor = 136;

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

// Instructions, in the words of the kernel's documentation: registers 0 to 10, 32 bits wide here.
bpf_insn load(int to, int from, int offset) {
  bpf_insn made{};
  made.code = BPF_LDX | BPF_MEM | BPF_W;
  made.dst_reg = static_cast<std::uint8_t>(to) & 0xf;
  made.src_reg = static_cast<std::uint8_t>(from) & 0xf;
  made.off = static_cast<std::int16_t>(offset);
  return made;
}

bpf_insn with_number(int code, int to, int number, std::size_t offset = 0) {
  bpf_insn made{};
  made.code = static_cast<std::uint8_t>(code);
  made.dst_reg = static_cast<std::uint8_t>(to) & 0xf;
  made.off = static_cast<std::int16_t>(offset);
  made.imm = number;
  return made;
}

bpf_insn copy(int to, int from) {
  bpf_insn made = with_number(BPF_ALU | BPF_MOV | BPF_X, to, 0);
  made.src_reg = static_cast<std::uint8_t>(from) & 0xf;
  return made;
}

constexpr int kMove = BPF_ALU | BPF_MOV | BPF_K;
constexpr int kAnd = BPF_ALU | BPF_AND | BPF_K;
constexpr int kShift = BPF_ALU | BPF_RSH | BPF_K;
constexpr int kUnless = BPF_JMP | BPF_JNE | BPF_K;  // jumps when it is another number
constexpr int kExit = BPF_JMP | BPF_EXIT;

// What the program keeps where: the kind and the wanted access, apart, and the device's numbers.
constexpr int kAnswer = 0;
constexpr int kContext = 1;
constexpr int kKind = 2;
constexpr int kAccess = 3;
constexpr int kMajor = 4;
constexpr int kMinor = 5;
constexpr int kBeyond =
    1;  // of the access, what a rule does not allow; the context is read by then

// The next rule is asked when one of the questions is answered with no.
void append_rule(const DeviceRule& rule, std::vector<bpf_insn>& program) {
  struct Question {
    int place;
    int number;
  };
  std::vector<Question> questions = {
      {kKind, rule.is_block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR}, {kMajor, rule.major}};
  if (rule.minor >= 0) questions.push_back({kMinor, rule.minor});
  questions.push_back({kBeyond, 0});
  const int allowed = BPF_DEVCG_ACC_MKNOD | (rule.may_read ? BPF_DEVCG_ACC_READ : 0) |
                      (rule.may_write ? BPF_DEVCG_ACC_WRITE : 0);
  program.push_back(copy(kBeyond, kAccess));
  program.push_back(with_number(kAnd, kBeyond, ~allowed));
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::size_t rest = questions.size() - i - 1 + 2;  // with the answer
    program.push_back(with_number(kUnless, questions[i].place, questions[i].number, rest));
  }
  program.push_back(with_number(kMove, kAnswer, 1));
  program.push_back(with_number(kExit, 0, 0));
}

absl::StatusOr<DeviceRule> rule_of(std::string_view part) {
  DeviceRule rule;
  const std::size_t colon = part.rfind(':');
  const std::string path(part.substr(0, colon));
  if (colon != std::string_view::npos) {
    const std::string_view access = part.substr(colon + 1);
    if (access != "r" && access != "w" && access != "rw") {
      return core::invalid("device '{}': expected PATH, PATH:r, PATH:w or PATH:rw",
                           core::printable(part));
    }
    rule.may_read = access.front() == 'r';
    rule.may_write = access.back() == 'w';
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_status(errno, "device " + agent::quoted(path));
  if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return core::invalid("device '{}': it is no device file", core::printable(path));
  }
  rule.is_block = S_ISBLK(info.st_mode);
  rule.major = static_cast<int>(major(info.st_rdev));
  rule.minor = static_cast<int>(minor(info.st_rdev));
  return rule;
}

}  // namespace

std::vector<DeviceRule> default_devices() {
  std::vector<DeviceRule> rules;
  for (const auto& [major, minor] :
       {std::pair{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {kPtsMajor, -1}}) {
    rules.push_back({false, major, minor});
  }
  return rules;
}

absl::StatusOr<std::vector<DeviceRule>> parse_devices(std::string_view text) {
  std::vector<DeviceRule> rules;
  if (core::strip(text).empty()) return rules;
  for (const std::string_view part : core::split(text, ',')) {
    auto rule = rule_of(core::strip(part));
    if (!rule.ok()) return rule.status();
    if (rules.size() == kMaxDevices) {
      return core::invalid("devices: at most {} may be named", kMaxDevices);
    }
    rules.push_back(*rule);
  }
  return rules;
}

std::string text_of(const DeviceRule& rule) {
  return fmt::format("{} {}:{} {}{}m", rule.is_block ? 'b' : 'c', rule.major,
                     rule.minor < 0 ? "*" : std::to_string(rule.minor), rule.may_read ? "r" : "",
                     rule.may_write ? "w" : "");
}

std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      load(kKind, kContext, offsetof(bpf_cgroup_dev_ctx, access_type)),
      copy(kAccess, kKind),
      with_number(kAnd, kKind, 0xffff),
      with_number(kShift, kAccess, 16),
      load(kMajor, kContext, offsetof(bpf_cgroup_dev_ctx, major)),
      load(kMinor, kContext, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (const DeviceRule& rule : rules) append_rule(rule, program);
  program.push_back(with_number(kMove, kAnswer, 0));
  program.push_back(with_number(kExit, 0, 0));
  return program;
}

absl::Status attach_devices(const std::string& folder, const std::vector<DeviceRule>& rules) {
  const std::vector<bpf_insn> program = device_program(rules);
  constexpr char kLicense[] = "GPL";  // what the kernel asks for; none of its helpers is called
  bpf_attr loading{};
  loading.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  loading.insns = reinterpret_cast<std::uintptr_t>(program.data());
  loading.insn_cnt = static_cast<std::uint32_t>(program.size());
  loading.license = reinterpret_cast<std::uintptr_t>(kLicense);
  const UniqueFd loaded(bpf(BPF_PROG_LOAD, loading));
  if (!loaded.valid()) return errno_status(errno, "loading a program for device files (bpf)");
  const UniqueFd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid()) return errno_status(errno, folder);
  bpf_attr attaching{};
  attaching.target_fd = static_cast<std::uint32_t>(at.get());
  attaching.attach_bpf_fd = static_cast<std::uint32_t>(loaded.get());
  attaching.attach_type = BPF_CGROUP_DEVICE;
  if (bpf(BPF_PROG_ATTACH, attaching) == 0) return absl::OkStatus();
  return errno_status(errno, "attaching a program for device files to " + folder);
}

void detach_devices(const std::string& folder) {
  const UniqueFd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid()) return;
  bpf_attr detaching{};
  detaching.target_fd = static_cast<std::uint32_t>(at.get());
  detaching.attach_type = BPF_CGROUP_DEVICE;
  (void)bpf(BPF_PROG_DETACH, detaching);
}

}  // namespace shoal::agent
