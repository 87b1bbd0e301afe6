#include "agent/volumes.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include "agent/errno_status.h"
#include "agent/folders.h"
#include "agent/sandbox.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr char kVolumes[] = "volumes";
constexpr char kRemoved[] = "removed";
constexpr mode_t kParentMode = 0711;  // as the sandboxes'
constexpr mode_t kVolumeMode = 0700;
constexpr std::size_t kMaxPathParts = 32;

const std::string& base_of(const std::string& data_dir, const core::LotTags& tags) {
  return tags.disk_kind == core::DiskKind::kRoot ? data_dir : tags.disk_root;
}

std::string role_folder(std::string_view role) {
  std::string name(role);
  std::replace(name.begin(), name.end(), '/', ' ');
  return name;
}

absl::Status check_names(const core::LotTags& tags) {
  if (absl::Status role = core::check_role(tags.role()); !role.ok()) return role;
  return check_id("volume id", tags.volume->id);
}

std::string describe(const core::LotTags& tags) {
  return fmt::format("volume '{}' of role '{}'", core::printable(tags.volume->id),
                     core::printable(tags.role()));
}

absl::Status named(const core::LotTags& tags, const absl::Status& why) {
  return absl::Status(why.code(), fmt::format("{}: {}", describe(tags), core::message_of(why)));
}

absl::Status sync(const UniqueFd& folder, const core::LotTags& tags) {
  if (::fsync(folder.get()) == 0) return absl::OkStatus();
  return errno_status(errno, fmt::format("{}: storing its folder", describe(tags)));
}

// The names in an open folder, without dots.
absl::StatusOr<std::vector<std::string>> names_in(const UniqueFd& folder) {
  UniqueFd fd(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fd.valid() ? ::fdopendir(fd.get()) : nullptr,
                                                    ::closedir);
  if (!listing) return errno_status(errno, "reading the folder of volumes");
  fd.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "a/b" -> a, b. Blanks belong to the names.
absl::StatusOr<std::vector<std::string>> split_container_path(const core::LotTags& tags) {
  std::string_view rest = tags.volume->container_path;
  std::vector<std::string> parts;
  while (parts.size() < kMaxPathParts) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != part.npos) break;
    parts.emplace_back(part);
    if (slash == rest.npos) return parts;
    rest.remove_prefix(slash + 1);
  }
  return core::invalid("{}: container path '{}' is not a relative path below the sandbox",
                       describe(tags), core::printable(tags.volume->container_path));
}

// A null user is the agent's own.
absl::Status give_to(const TaskUser* user, const UniqueFd& folder, const core::LotTags& tags) {
  struct stat info {};
  if (user == nullptr || ::fstat(folder.get(), &info) != 0) return absl::OkStatus();
  if (tags.volume->shared && info.st_uid != ::geteuid()) return absl::OkStatus();
  if (info.st_uid == user->uid) return absl::OkStatus();
  if (::fchownat(folder.get(), "", user->uid, user->groups.front(), AT_EMPTY_PATH) == 0) {
    return absl::OkStatus();
  }
  return errno_status(errno, fmt::format("{}: giving it to {}", describe(tags), user->name));
}

absl::Status link_volume(const std::string& data_dir, int sandbox, const core::LotTags& tags,
                         const TaskUser* user) {
  if (absl::Status names = check_names(tags); !names.ok()) return names;
  const auto parts = split_container_path(tags);
  if (!parts.ok()) return parts.status();
  const std::string target = volume_path(data_dir, tags);
  const UniqueFd there(::open(target.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!there.valid()) {
    return errno_status(errno, fmt::format("{}: its folder {}", describe(tags), target));
  }
  if (absl::Status given = give_to(user, there, tags); !given.ok()) return given;
  UniqueFd parent(::openat(sandbox, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) return errno_status(errno, "opening the sandbox");
  for (std::size_t i = 0; i + 1 < parts->size(); ++i) {
    auto next = make_folder(parent.get(), (*parts)[i], kVolumeMode, true);
    if (!next.ok()) return named(tags, next.status());
    parent = *std::move(next);
    if (user != nullptr && ::fchown(parent.get(), user->uid, user->groups.front()) != 0) {
      return errno_status(errno, fmt::format("{}: giving it to {}", describe(tags), user->name));
    }
  }
  if (::symlinkat(target.c_str(), parent.get(), parts->back().c_str()) == 0) {
    return absl::OkStatus();
  }
  return errno_status(errno, fmt::format("{}: linking container path {}", describe(tags),
                                         quoted(tags.volume->container_path)));
}

// Calls visit(volumes, role, folder, names) for each role's folder of volumes, until one fails.
template <typename Visit>
absl::Status for_each_role(const std::string& data_dir, Visit visit) {
  const auto base = open_base(data_dir);
  if (!base.ok()) return base.status();
  const auto volumes = open_folder(base->get(), kVolumes);
  if (absl::IsNotFound(volumes.status())) return absl::OkStatus();
  if (!volumes.ok()) return volumes.status();
  const auto roles = names_in(*volumes);
  if (!roles.ok()) return roles.status();
  for (const std::string& role : *roles) {
    const auto folder = open_folder(volumes->get(), role);
    if (absl::IsFailedPrecondition(folder.status())) continue;  // a file, a link: nobody's volumes
    if (!folder.ok()) return folder.status();
    const auto names = names_in(*folder);
    if (!names.ok()) return names.status();
    absl::Status visited = visit(*volumes, role, *folder, *names);
    if (!visited.ok()) return visited;
  }
  return absl::OkStatus();
}

}  // namespace

std::string volume_path(const std::string& data_dir, const core::LotTags& tags) {
  return fmt::format("{}/{}/{}/{}", base_of(data_dir, tags), kVolumes, role_folder(tags.role()),
                     tags.volume->id);
}

absl::StatusOr<bool> has_volumes(const std::string& data_dir) {
  bool has_one = false;
  absl::Status seen = for_each_role(
      data_dir, [&](const UniqueFd&, const std::string&, const UniqueFd&, const auto& names) {
        has_one |= !names.empty();
        return absl::OkStatus();
      });
  if (!seen.ok()) return seen;
  return has_one;
}

absl::Status VolumeFolders::make(const core::LotTags& tags) {
  if (absl::Status names = check_names(tags); !names.ok()) return names;
  const auto base = open_base(base_of(data_dir_, tags));
  if (!base.ok()) return named(tags, base.status());
  const auto volumes = make_folder(base->get(), kVolumes, kParentMode, true);
  if (!volumes.ok()) return named(tags, volumes.status());
  const auto role = make_folder(volumes->get(), role_folder(tags.role()), kParentMode, true);
  if (!role.ok()) return named(tags, role.status());
  const auto volume = make_folder(role->get(), tags.volume->id, kVolumeMode, false);
  if (absl::IsAlreadyExists(volume.status())) {
    return absl::AlreadyExistsError(
        fmt::format("{}: {} is there, but belongs to no volume; move it away", describe(tags),
                    volume_path(data_dir_, tags)));
  }
  if (!volume.ok()) return named(tags, volume.status());
  for (const UniqueFd* folder : {&*role, &*volumes, &*base}) {
    absl::Status synced = sync(*folder, tags);
    if (synced.ok()) continue;
    ::unlinkat(role->get(), tags.volume->id.c_str(), AT_REMOVEDIR);
    return synced;
  }
  return absl::OkStatus();
}

absl::Status VolumeFolders::remove(const core::LotTags& tags) {
  if (absl::Status names = check_names(tags); !names.ok()) return names;
  const std::string& base_path = base_of(data_dir_, tags);
  const auto base = open_base(base_path);
  if (!base.ok()) return named(tags, base.status());
  const auto volumes = open_folder(base->get(), kVolumes);
  if (!volumes.ok()) return named(tags, volumes.status());
  const std::string role_name = role_folder(tags.role());
  const auto role = open_folder(volumes->get(), role_name);
  if (!role.ok()) return named(tags, role.status());
  const absl::Status taken = trash_of(base_path).take(role->get(), tags.volume->id);
  if (!taken.ok()) return named(tags, taken);
  ::unlinkat(volumes->get(), role_name.c_str(), AT_REMOVEDIR);  // if it was the last
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> VolumeFolders::sweep(const core::Resources& total) {
  std::set<std::pair<std::string, std::string>> known;  // role's folder, id
  std::vector<std::string> missing;
  for (const core::Lot& lot : total.lots) {
    if (!lot.tags->volume.has_value()) continue;
    const std::string path = volume_path(data_dir_, *lot.tags);
    const UniqueFd there(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!there.valid()) missing.push_back(path);
    if (lot.tags->disk_kind != core::DiskKind::kRoot) continue;
    known.emplace(role_folder(lot.tags->role()), lot.tags->volume->id);
  }
  trash_of(data_dir_);  // so that purge_some() finds what an earlier agent left
  absl::Status swept =
      for_each_role(data_dir_, [&](const UniqueFd& volumes, const std::string& role,
                                   const UniqueFd& folder, const std::vector<std::string>& names) {
        for (const std::string& name : names) {
          if (known.contains({role, name})) continue;
          absl::Status taken = trash_of(data_dir_).take(folder.get(), name);
          if (!taken.ok()) return taken;
        }
        ::unlinkat(volumes.get(), role.c_str(), AT_REMOVEDIR);  // if nothing is in it
        return absl::OkStatus();
      });
  if (!swept.ok()) return swept;
  return missing;
}

bool VolumeFolders::purge_some(std::size_t entries) {
  bool is_work_left = false;
  for (const auto& trash : trashes_) is_work_left |= trash->purge_some(entries);
  return is_work_left;
}

std::size_t VolumeFolders::undeletable() const {
  std::size_t count = 0;
  for (const auto& trash : trashes_) count += trash->failures();
  return count;
}

Trash& VolumeFolders::trash_of(const std::string& base) {
  const std::string folder = fmt::format("{}/{}", base, kRemoved);
  for (const auto& trash : trashes_) {
    if (trash->folder() == folder) return *trash;
  }
  return *trashes_.emplace_back(std::make_unique<Trash>(folder));
}

absl::Status link_volumes(const std::string& data_dir, int sandbox,
                          const core::Resources& resources, const TaskUser* user) {
  for (const core::Lot& lot : resources.lots) {
    if (!lot.tags->volume.has_value()) continue;
    if (absl::Status linked = link_volume(data_dir, sandbox, *lot.tags, user); !linked.ok()) {
      return linked;
    }
  }
  return absl::OkStatus();
}

}  // namespace shoal::agent
