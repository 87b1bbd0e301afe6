#include "net/etcd_access.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::net {
namespace {

constexpr std::size_t kMaxValueBytes = 1024;
constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::size_t kMaxPasswordBytes = 4096;

std::string* member_named(EtcdAccess& access, std::string_view name) {
  if (name == "cacert") return &access.ca_file;
  if (name == "cert") return &access.cert_file;
  if (name == "key") return &access.key_file;
  if (name == "user") return &access.user;
  if (name == "password-file") return &access.password_file;
  return nullptr;
}

absl::Status take(EtcdAccess& access, std::string_view item) {
  const std::size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
  std::string* member = member_named(access, name);
  if (member == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", core::printable(name, 80), "' is none of cacert, cert, key, user, password-file"));
  }
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f; };
  if (value.empty() || value.size() > kMaxValueBytes ||
      !std::all_of(value.begin(), value.end(), is_plain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("?", std::string(name), "=: needs a value of ASCII without spaces"));
  }
  if (!member->empty()) {
    return absl::InvalidArgumentError(absl::StrCat("?", std::string(name), "= is said twice"));
  }
  *member = value;
  return absl::OkStatus();
}

absl::Status check(const EtcdAccess& access) {
  const bool has_tls_files =
      !access.ca_file.empty() || !access.cert_file.empty() || !access.key_file.empty();
  if (has_tls_files && !access.is_encrypted) {
    return absl::InvalidArgumentError("certificates are for etcds://, with an s");
  }
  if (access.cert_file.empty() != access.key_file.empty()) {
    return absl::InvalidArgumentError("?cert= and ?key= need each other");
  }
  if (access.user.empty() != access.password_file.empty()) {
    return absl::InvalidArgumentError("?user= and ?password-file= need each other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EtcdAccess> parse_etcd_access(bool is_encrypted, std::string_view query) {
  EtcdAccess access;
  access.is_encrypted = is_encrypted;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    if (absl::Status taken = take(access, query.substr(0, end)); !taken.ok()) return taken;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  if (absl::Status sound = check(access); !sound.ok()) return sound;
  return access;
}

absl::Status check_files(const EtcdAccess& access) {
  for (const std::string* file : {&access.ca_file, &access.cert_file, &access.key_file}) {
    if (file->empty()) continue;
    const absl::StatusOr<std::string> text = read_whole_file(*file, kMaxFileBytes);
    if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
  }
  return access.password_file.empty() ? absl::OkStatus() : read_password(access).status();
}

absl::StatusOr<std::string> read_password(const EtcdAccess& access) {
  absl::StatusOr<std::string> text = read_whole_file(access.password_file, kMaxPasswordBytes);
  if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (!text->empty()) return text;
  return absl::FailedPreconditionError(
      absl::StrCat(access.password_file, ": there is no password in it"));
}

}  // namespace shoal::net
