#include "net/etcd_curl.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text.h"
#include "net/clock.h"

namespace shoal::net {
namespace {

constexpr unsigned kParseFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseStopWhenDoneFlag;

absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }

// "" when there is no such text.
std::string text_in(std::string_view json, const char* name) {
  rapidjson::Document document;
  document.Parse<kParseFlags>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return "";
  const auto found = document.FindMember(name);
  if (found == document.MemberEnd() || !found->value.IsString()) return "";
  return {found->value.GetString(), found->value.GetStringLength()};
}

void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// One question with handles of its own.
class Question {
 public:
  Question(const CurlLibrary& curl, const EtcdAccess& access, std::string_view endpoint,
           std::size_t max_bytes)
      : curl_(curl),
        access_(access),
        endpoint_(endpoint),
        max_bytes_(max_bytes),
        easy_(curl.easy_init()) {}
  ~Question() {
    curl_.slist_free_all(headers_);
    curl_.easy_cleanup(easy_);
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  absl::StatusOr<std::string> post(std::string_view path, const std::string& body,
                                   const std::string& token, core::Duration timeout);

 private:
  static std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* self) {
    auto& question = *static_cast<Question*>(self);
    if (question.answer_.size() + size * count > question.max_bytes_) return 0;
    question.answer_.append(data, size * count);
    return size * count;
  }
  void add_header(const std::string& line) {
    headers_ = curl_.slist_append(headers_, line.c_str());
  }

  const CurlLibrary& curl_;
  const EtcdAccess& access_;
  const std::string_view endpoint_;
  const std::size_t max_bytes_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::string answer_;
  char details_[CURL_ERROR_SIZE] = "";
};

absl::StatusOr<std::string> Question::post(std::string_view path, const std::string& body,
                                           const std::string& token, core::Duration timeout) {
  set_etcd_url(curl_, easy_, access_, endpoint_, path);
  add_header("Content-Type: application/json");
  add_header("Expect:");
  if (!token.empty()) add_header("Authorization: " + token);
  const auto ms = std::max<std::int64_t>(timeout / std::chrono::milliseconds(1), 1);
  curl_.easy_setopt(easy_, CURLOPT_TIMEOUT_MS,
                    static_cast<long>(ms));  // NOLINT(google-runtime-int)
  curl_.easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  curl_.easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_.easy_setopt(easy_, CURLOPT_POSTFIELDS, body.data());
  curl_.easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Question::on_body);
  curl_.easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_.easy_setopt(easy_, CURLOPT_ERRORBUFFER, details_);
  const CURLcode code = curl_.easy_perform(easy_);
  if (code != CURLE_OK) {
    return absl::UnavailableError(describe_curl_error(curl_, code, details_, access_));
  }
  long status = 0;  // NOLINT(google-runtime-int): libcurl's type
  curl_.easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return std::move(answer_);
  const std::string said = text_in(answer_, "error");
  return absl::UnavailableError(
      absl::StrCat("it answers ", status, said.empty() ? "" : ": ", core::printable(said, 300)));
}

}  // namespace

void set_etcd_url(const CurlLibrary& curl, CURL* easy, const EtcdAccess& access,
                  std::string_view endpoint, std::string_view path) {
  const char* scheme = access.is_encrypted ? "https" : "http";
  const std::string url = absl::StrCat(scheme, "://", view(endpoint), "/v3/", view(path));
  curl.easy_setopt(easy, CURLOPT_URL, url.c_str());  // libcurl copies texts
  curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme);
  curl.easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl.easy_setopt(easy, CURLOPT_PROXY, "");  // whatever the environment says
  curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  if (!access.is_encrypted) return;
  curl.easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);  // or later
  curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!access.ca_file.empty()) {
    curl.easy_setopt(easy, CURLOPT_CAINFO, access.ca_file.c_str());
    curl.easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // nobody else
  }
  if (access.cert_file.empty()) return;
  curl.easy_setopt(easy, CURLOPT_SSLCERT, access.cert_file.c_str());
  curl.easy_setopt(easy, CURLOPT_SSLKEY, access.key_file.c_str());
}

absl::StatusOr<std::string> authenticate_body(const EtcdAccess& access) {
  const absl::StatusOr<std::string> password = read_password(access);
  if (!password.ok()) return password.status();
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("name");
  writer.String(access.user.data(), static_cast<rapidjson::SizeType>(access.user.size()));
  writer.Key("password");
  writer.String(password->data(), static_cast<rapidjson::SizeType>(password->size()));
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

absl::StatusOr<std::string> token_in_answer(std::string_view json) {
  std::string token = text_in(json, "token");
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!token.empty() && std::all_of(token.begin(), token.end(), is_plain)) return token;
  return absl::InternalError("its answer is not etcd's: there is no token");
}

bool is_stale_token(long status, std::string_view body) {  // NOLINT(google-runtime-int)
  return status == 401 ||
         (status == 400 && body.find("auth store is old") != std::string_view::npos);
}

namespace {

bool is_hung_up(CURLcode code) {
  return code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING ||
         code == CURLE_SSL_CONNECT_ERROR;
}

}  // namespace

std::string describe_curl_error(const CurlLibrary& curl, int code, const char* details,
                                const EtcdAccess& access) {
  const auto curl_code = static_cast<CURLcode>(code);
  // Who does not accept connections is named by who asks, and the details tell milliseconds. Those
  // of a connection that the peer has reset may be of a step on the way.
  const bool has_details = details[0] != '\0' && curl_code != CURLE_COULDNT_CONNECT &&
                           std::strstr(details, "getpeername") == nullptr;
  std::string why = core::printable(has_details ? details : curl.easy_strerror(curl_code), 300);
  if (!access.is_encrypted) {
    return curl_code == CURLE_GOT_NOTHING ? why + " (does it want TLS? That is etcds://)" : why;
  }
  if (why.find("wrong version number") != std::string::npos) {
    why += " (does it speak TLS? etcd:// is without)";
  } else if (curl_code == CURLE_PEER_FAILED_VERIFICATION) {
    if (access.ca_file.empty()) why += " (?cacert=FILE names who signs its certificate)";
  } else if (is_hung_up(curl_code)) {
    // With TLS 1.3 it looks at the client's certificate when the client is done.
    why += access.cert_file.empty()
               ? " (perhaps it wants a certificate of its clients: ?cert=FILE&key=FILE)"
               : " (perhaps it does not accept the certificate of ?cert=)";
  }
  return why;
}

absl::StatusOr<std::string> ask_etcd(const EtcdAccess& access, std::string_view endpoint,
                                     std::string_view path, const std::string& body,
                                     core::Duration timeout, std::size_t max_bytes) {
  const absl::StatusOr<CurlLibrary>& curl = curl_library();
  if (!curl.ok()) return curl.status();
  block_sigpipe();
  const core::TimePoint until = monotonic_now() + timeout;
  std::string token;
  if (!access.user.empty()) {
    const absl::StatusOr<std::string> asking = authenticate_body(access);
    if (!asking.ok()) return asking.status();
    Question question(*curl, access, endpoint, max_bytes);
    const auto answer = question.post(kEtcdAuthenticate, *asking, "", timeout);
    if (!answer.ok()) return answer.status();
    absl::StatusOr<std::string> found = token_in_answer(*answer);
    if (!found.ok()) return found.status();
    token = *std::move(found);
  }
  Question question(*curl, access, endpoint, max_bytes);
  return question.post(path, body, token, until - monotonic_now());
}

}  // namespace shoal::net
