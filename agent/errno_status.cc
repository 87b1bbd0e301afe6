#include "agent/errno_status.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace shoal::agent {

namespace {

absl::StatusCode code_of(int err) {
  switch (err) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return absl::StatusCode::kResourceExhausted;
    case EROFS:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case EXDEV:
      return absl::StatusCode::kFailedPrecondition;
    case ENOENT:
    case ESRCH:
    case ECHILD:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EINVAL:
    case ENAMETOOLONG:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kInternal;
  }
}

std::string reason_of(int err) {
  switch (err) {
    case ENOSPC:
      return "the disk is full";
    case EDQUOT:
      return "the disk quota is used up";
    case EROFS:
      return "the file system is read-only";
    case ELOOP:
      return "it is a symbolic link, which is not followed here";
    case EXDEV:
      return "it leads out of its folder";
    default: {
      char buffer[128];
      return strerror_r(err, buffer, sizeof(buffer));
    }
  }
}

// Quotes do no harm in a line: they stay as they are.
std::string escaped(std::string_view text) {
  std::string out = absl::Utf8SafeCHexEscape(absl::string_view(text.data(), text.size()));
  absl::StrReplaceAll({{"\\\\", "\\\\"}, {"\\'", "'"}, {"\\\"", "\""}}, &out);
  return out;
}

}  // namespace

absl::Status errno_status(int err, std::string_view what) {
  return absl::Status(code_of(err), absl::StrCat(escaped(what), ": ", reason_of(err)));
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 256;
  const bool cut = text.size() > kShown;
  const absl::string_view shown(text.data(), cut ? kShown : text.size());
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(shown), cut ? "...'" : "'");
}

}  // namespace shoal::agent
