// What every question to an etcd by libcurl has in common: certificates, the password's token, and
// what went wrong, in words. Plain questions of reactors do without (net/leader_query.h).
//
// Threads: any; all of it blocks, or is for a thread that may.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/time.h"
#include "net/curl_library.h"
#include "net/etcd_access.h"

namespace shoal::net {

inline constexpr std::string_view kEtcdAuthenticate = "auth/authenticate";

// Where to ask, and who is believed. `endpoint`: HOST:PORT. `path`: what follows "/v3/".
void set_etcd_url(const CurlLibrary& curl, CURL* easy, const EtcdAccess& access,
                  std::string_view endpoint, std::string_view path);

// The body of the question for a token. Errors: those of read_password().
absl::StatusOr<std::string> authenticate_body(const EtcdAccess& access);
// The token in its answer, for a header "Authorization". Errors: INTERNAL.
absl::StatusOr<std::string> token_in_answer(std::string_view json);
// An answer that says that the token is no longer good: a new one is.
bool is_stale_token(long status, std::string_view body);  // NOLINT(google-runtime-int): libcurl's

// Why a transfer failed. `details`: of CURLOPT_ERRORBUFFER.
std::string describe_curl_error(const CurlLibrary& curl, int code, const char* details,
                                const EtcdAccess& access);

// One member is asked, with a token if need be; its answer's body. Leaves SIGPIPE blocked on the
// calling thread. Errors: FAILED_PRECONDITION (no libcurl, or a file is missing), UNAVAILABLE (no
// answer within `timeout`, or one that is no 200).
absl::StatusOr<std::string> ask_etcd(const EtcdAccess& access, std::string_view endpoint,
                                     std::string_view path, const std::string& body,
                                     core::Duration timeout, std::size_t max_bytes);

}  // namespace shoal::net
