// How an etcd is asked that wants TLS, a certificate of its clients, or a password.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::net {

// Files are PEM; they are read when etcd is asked, so that new ones take effect.
struct EtcdAccess {
  bool is_encrypted = false;
  std::string ca_file;    // who signs its certificate; empty: whom the system trusts
  std::string cert_file;  // the client's own, and its key: both or neither
  std::string key_file;
  std::string user;           // and the file with the password: both or neither
  std::string password_file;  // a line feed at its end does not count

  bool is_plain() const { return !is_encrypted && user.empty(); }
};

// What stands behind the '?' of an etcd's address:
// cacert=FILE&cert=FILE&key=FILE&user=NAME&password-file=FILE, named as etcdctl's flags, each at
// most once. Values are taken as they are. Errors: INVALID_ARGUMENT, one line.
absl::StatusOr<EtcdAccess> parse_etcd_access(bool is_encrypted, std::string_view query);

// Errors: FAILED_PRECONDITION with the file that is not there or cannot be read.
absl::Status check_files(const EtcdAccess& access);

// Errors: those of check_files(), and one that is empty.
absl::StatusOr<std::string> read_password(const EtcdAccess& access);

}  // namespace shoal::net
