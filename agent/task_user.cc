#include "agent/task_user.h"

#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "agent/errno_status.h"
#include "agent/supervisor/record.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr std::size_t kMaxEntryBytes = 1 << 20;
constexpr int kMaxGroups = 64;  // what the supervisor has room for

}  // namespace

absl::StatusOr<TaskUser> find_user(std::string_view name_or_uid) {
  const std::string text(name_or_uid);
  if (!core::is_clean_text(text) || text.empty() || text.find_first_of(":/\n\t ") != text.npos) {
    return core::invalid("user '{}': expected a name or a uid", core::printable(text));
  }
  uid_t uid = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), uid);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(4096);
  int err = 0;
  do {
    err = is_number ? ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)
                    : ::getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (err == ERANGE && buffer.size() < kMaxEntryBytes) buffer.resize(buffer.size() * 2);
  } while (err == EINTR || (err == ERANGE && buffer.size() < kMaxEntryBytes));
  if (err != 0) return errno_status(err, fmt::format("looking for the user '{}'", text));
  if (found == nullptr) {
    return absl::NotFoundError(fmt::format("there is no user '{}' on this machine", text));
  }
  TaskUser user{found->pw_name, found->pw_uid, std::vector<gid_t>(kMaxGroups)};
  int count = kMaxGroups;
  if (::getgrouplist(found->pw_name, found->pw_gid, user.groups.data(), &count) < 0) {
    return core::invalid("the user '{}' is in more than {} groups", text, kMaxGroups);
  }
  user.groups.resize(static_cast<std::size_t>(count));
  const auto own = std::find(user.groups.begin(), user.groups.end(), found->pw_gid);
  if (own != user.groups.end()) std::iter_swap(user.groups.begin(), own);
  return user;
}

std::string user_setting(const TaskUser& user) {
  std::string setting = fmt::format("{}{}:", kUserSetting, user.uid);
  for (std::size_t i = 0; i < user.groups.size(); ++i) {
    setting += fmt::format("{}{}", i == 0 ? "" : ",", user.groups[i]);
  }
  return setting;
}

}  // namespace shoal::agent
