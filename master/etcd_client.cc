#include "master/etcd_client.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "master/etcd_json.h"
#include "master/etcd_limits.h"
#include "net/clock.h"
#include "net/curl_library.h"
#include "net/etcd_curl.h"

namespace shoal::master {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;

}  // namespace

struct EtcdClient::Transfer {
  std::string body;
  std::size_t read = 0;  // of body, by the stream
  bool too_large = false;
  bool done = false;  // of a stream: nothing more is of interest
  absl::Status stream_error;
  bool is_stream = false;
  bool is_fresh = false;  // on a connection of its own
  long status = 0;        // NOLINT(google-runtime-int): libcurl's type
  bool was_sent = false;

  static std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Transfer*>(self)->take({data, size * count});
  }

  std::size_t take(std::string_view part) {
    if (body.size() + part.size() > kMaxEtcdAnswerBytes) {
      too_large = true;
      return 0;  // libcurl ends the transfer
    }
    body.append(part);
    if (is_stream) look_for_events();
    return part.size();
  }

  void look_for_events() {
    std::size_t end = 0;
    while (!done && (end = body.find('\n', read)) != std::string::npos) {
      const std::string_view line = core::strip(std::string_view(body).substr(read, end - read));
      read = end + 1;
      if (line.empty()) continue;
      const absl::StatusOr<EtcdWatchLine> found = read_watch_line(line);
      if (!found.ok()) stream_error = found.status();
      done = !found.ok() || found->has_events || found->is_canceled;
    }
  }
};

struct EtcdClient::Curl {
  explicit Curl(const net::CurlLibrary& library) : call(library) {
    multi = call.multi_init();
    easy = call.easy_init();
    set_token("");
  }
  ~Curl() {
    call.easy_cleanup(easy);
    call.multi_cleanup(multi);
    call.slist_free_all(headers);
  }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;

  void set_token(const std::string& token) {
    call.slist_free_all(headers);
    headers = call.slist_append(nullptr, "Content-Type: application/json");
    headers = call.slist_append(headers, "Expect:");  // no round trip more for a large body
    if (token.empty()) return;
    headers = call.slist_append(headers, ("Authorization: " + token).c_str());
  }

  const net::CurlLibrary& call;
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char details[CURL_ERROR_SIZE] = "";  // of the last transfer, if it failed
};

EtcdClient::EtcdClient(EtcdOptions options) : options_(std::move(options)) {
  if (net::curl_library().ok()) curl_ = std::make_unique<Curl>(*net::curl_library());
}

EtcdClient::~EtcdClient() = default;

void EtcdClient::cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  if (curl_ != nullptr) curl_->call.multi_wakeup(curl_->multi);
}

void EtcdClient::wake() {
  woken_.store(true, std::memory_order_relaxed);
  if (curl_ != nullptr) curl_->call.multi_wakeup(curl_->multi);
}

// Until it is complete, or `deadline`, or somebody calls.
absl::Status EtcdClient::run(Transfer& transfer, core::TimePoint deadline) {
  int running = 1;
  while (true) {
    if (cancelled_.load(std::memory_order_relaxed)) return absl::CancelledError("cancelled");
    if (transfer.is_stream && woken_.exchange(false, std::memory_order_relaxed)) {
      transfer.done = true;
    }
    if (transfer.done) return absl::OkStatus();
    const CURLMcode code = curl_->call.multi_perform(curl_->multi, &running);
    if (code != CURLM_OK) return absl::UnavailableError(curl_->call.multi_strerror(code));
    if (transfer.done) return absl::OkStatus();
    if (running == 0) break;
    const auto left = ceil<milliseconds>(deadline - net::monotonic_now()).count();
    if (left <= 0) {
      return absl::DeadlineExceededError(
          fmt::format("no answer within {} ms", options_.timeout / milliseconds(1)));
    }
    curl_->call.multi_poll(curl_->multi, nullptr, 0,
                           static_cast<int>(std::min<std::int64_t>(left, 1000)), nullptr);
  }
  int in_queue = 0;
  const CURLMsg* message = curl_->call.multi_info_read(curl_->multi, &in_queue);
  return outcome_of(message == nullptr ? CURLE_GOT_NOTHING : message->data.result, transfer);
}

absl::Status EtcdClient::outcome_of(int code, const Transfer& transfer) {
  if (transfer.too_large) {
    return absl::ResourceExhaustedError(
        fmt::format("its answer is larger than {} bytes", kMaxEtcdAnswerBytes));
  }
  if (code == CURLE_OK) return absl::OkStatus();
  return absl::UnavailableError(
      net::describe_curl_error(curl_->call, code, curl_->details, options_.access));
}

// `transfer.status` is HTTP's when the member has answered.
absl::Status EtcdClient::transfer_once(std::string_view path, const std::string& body,
                                       Transfer& transfer) {
  CURL* easy = curl_->easy;
  curl_->call.easy_reset(easy);
  curl_->details[0] = '\0';
  net::set_etcd_url(curl_->call, easy, options_.access, endpoint(), path);
  curl_->call.easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_->details);
  curl_->call.easy_setopt(easy, CURLOPT_HTTPHEADER, curl_->headers);
  curl_->call.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_->call.easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_->call.easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_->call.easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  // libcurl sends again by itself what went out on a kept connection that turned out to be closed.
  curl_->call.easy_setopt(easy, CURLOPT_FRESH_CONNECT, transfer.is_fresh ? 1L : 0L);
  curl_->call.multi_add_handle(curl_->multi, easy);
  absl::Status status = run(transfer, net::monotonic_now() + options_.timeout);
  long sent = 0;  // NOLINT(google-runtime-int): libcurl's type
  curl_->call.easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
  curl_->call.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer.status);
  transfer.was_sent = sent > 0;
  curl_->call.multi_remove_handle(curl_->multi, easy);
  return status;
}

namespace {

// What an answer of another status than 200 means.
absl::Status refusal(long status, const std::string& body) {  // NOLINT(google-runtime-int)
  const std::string text = error_text(body);
  if (status == 404) return absl::NotFoundError(text);
  if (status >= 400 && status < 500) return absl::FailedPreconditionError(text);
  return absl::UnavailableError(fmt::format("HTTP status {}: {}", status, text));
}

absl::Status with_name(const std::string& endpoint, const absl::Status& status) {
  return {status.code(), fmt::format("etcd at {}: {}", endpoint, core::message_of(status))};
}

// Another member may say something else.
bool is_worth_asking(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsInternal(status) || absl::IsResourceExhausted(status);
}

}  // namespace

// The password becomes a token, of the member that is asked.
absl::Status EtcdClient::authenticate() {
  const absl::StatusOr<std::string> body = net::authenticate_body(options_.access);
  if (!body.ok()) return body.status();
  Transfer transfer;
  curl_->set_token("");
  if (absl::Status asked = transfer_once(net::kEtcdAuthenticate, *body, transfer); !asked.ok()) {
    return asked;
  }
  if (transfer.status != 200) return refusal(transfer.status, transfer.body);
  absl::StatusOr<std::string> token = net::token_in_answer(transfer.body);
  if (!token.ok()) return token.status();
  token_ = *std::move(token);
  curl_->set_token(token_);
  return absl::OkStatus();
}

// One member is asked, with a token if it takes one.
absl::Status EtcdClient::attempt(std::string_view path, const std::string& body,
                                 Transfer& transfer) {
  if (curl_ == nullptr) return net::curl_library().status();
  if (!options_.access.user.empty() && token_.empty()) {
    if (absl::Status known = authenticate(); !known.ok()) return known;
  }
  absl::Status status = transfer_once(path, body, transfer);
  if (net::is_stale_token(transfer.status, transfer.body)) token_.clear();
  return status;
}

// A member that was started again, or has not heard of us for five minutes, has forgotten the
// token; it has done nothing then.
absl::Status EtcdClient::attempt_again_if_stale(std::string_view path, const std::string& body,
                                                Transfer& transfer) {
  absl::Status status = attempt(path, body, transfer);
  if (options_.access.user.empty() || !token_.empty() || !status.ok()) return status;
  const bool is_fresh = transfer.is_fresh;
  transfer = Transfer();
  transfer.is_fresh = is_fresh;
  return attempt(path, body, transfer);
}

absl::StatusOr<std::string> EtcdClient::post(std::string_view path, const std::string& body,
                                             Resend resend) {
  absl::Status last;
  for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
    Transfer transfer;
    transfer.is_fresh = resend == Resend::kIfNotSent;
    absl::Status status = attempt_again_if_stale(path, body, transfer);
    if (status.ok() && transfer.status == 200) return std::move(transfer.body);
    if (status.ok()) status = refusal(transfer.status, transfer.body);
    if (absl::IsCancelled(status)) return status;
    last = with_name(endpoint(), status);
    if (!is_worth_asking(status)) return last;
    current_ = (current_ + 1) % options_.endpoints.size();
    if (resend == Resend::kIfNotSent && transfer.was_sent) break;
  }
  if (absl::IsDeadlineExceeded(last)) return absl::UnavailableError(last.message());
  return last;
}

namespace {

// An answer that cannot be read is the member's fault, too.
template <typename T, typename Read>
absl::StatusOr<T> read_with(const absl::StatusOr<std::string>& body, const std::string& endpoint,
                            Read read) {
  if (!body.ok()) return body.status();
  absl::StatusOr<T> answer = read(*body);
  if (!answer.ok() && !absl::IsNotFound(answer.status())) {
    return with_name(endpoint, answer.status());
  }
  return answer;
}

}  // namespace

absl::StatusOr<EtcdRange> EtcdClient::range(const EtcdRangeQuery& query) {
  return read_with<EtcdRange>(post("kv/range", range_body(query), Resend::kAnytime), endpoint(),
                              read_range);
}

absl::StatusOr<EtcdTxnAnswer> EtcdClient::txn(const EtcdTxn& txn) {
  return read_with<EtcdTxnAnswer>(post("kv/txn", txn_body(txn), Resend::kIfNotSent), endpoint(),
                                  read_txn);
}

absl::StatusOr<EtcdLease> EtcdClient::grant_lease(std::chrono::seconds ttl) {
  return read_with<EtcdLease>(post("lease/grant", grant_body(ttl), Resend::kAnytime), endpoint(),
                              read_grant);
}

absl::StatusOr<std::chrono::seconds> EtcdClient::keep_alive(std::int64_t lease) {
  return read_with<std::chrono::seconds>(
      post("lease/keepalive", lease_body(lease), Resend::kAnytime), endpoint(), read_keep_alive);
}

absl::Status EtcdClient::revoke_lease(std::int64_t lease) {
  return post("lease/revoke", lease_body(lease), Resend::kAnytime).status();
}

absl::StatusOr<bool> EtcdClient::wait_for_change(std::string_view key, std::int64_t revision,
                                                 core::Duration timeout) {
  Transfer transfer;
  transfer.is_stream = true;
  const core::Duration usual = std::exchange(options_.timeout, timeout);
  absl::Status status = attempt("watch", watch_body(key, revision), transfer);
  options_.timeout = usual;
  if (absl::IsCancelled(status)) return status;
  if (status.ok()) status = transfer.stream_error;
  if (status.ok() && transfer.done) return true;
  if (absl::IsDeadlineExceeded(status)) return false;
  if (status.ok()) {
    status = transfer.status == 200 ? absl::UnavailableError("it ended the watch")
                                    : refusal(transfer.status, transfer.body);
  }
  absl::Status named = with_name(endpoint(), status);
  current_ = (current_ + 1) % options_.endpoints.size();
  return named;
}

}  // namespace shoal::master
