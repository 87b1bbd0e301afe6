#include "net/leader_query.h"

#include <rapidjson/document.h>

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/status.h"
#include "net/etcd_curl.h"

namespace shoal::net {
namespace {

// The leader's key alone: an address, an id and what etcd adds.
constexpr std::size_t kMaxAnswerBytes = 16 * 1024;

// Deep nesting must not become deep recursion.
constexpr unsigned kParseFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseStopWhenDoneFlag;

// Empty: there is no such text.
std::string_view text_member(const rapidjson::Value& object, const char* key) {
  if (!object.IsObject()) return {};
  const auto found = object.FindMember(key);
  if (found == object.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

}  // namespace

absl::StatusOr<HostPort> leader_in_range_answer(std::string_view body) {
  rapidjson::Document parsed;
  parsed.Parse<kParseFlags>(body.data(), body.size());
  const rapidjson::Value& answer = parsed;
  if (parsed.HasParseError() || !answer.IsObject()) {
    return absl::InvalidArgumentError("it does not answer as etcd does");
  }
  const auto rows = answer.FindMember("kvs");
  if (rows == answer.MemberEnd()) {
    if (!answer.HasMember("header")) {
      return absl::InvalidArgumentError("it does not answer as etcd does");
    }
    return absl::NotFoundError("no master leads");
  }
  if (!rows->value.IsArray() || rows->value.Empty()) return absl::NotFoundError("no master leads");
  const std::string_view encoded = text_member(rows->value[0], "value");
  std::string value;
  if (!absl::Base64Unescape(absl::string_view(encoded.data(), encoded.size()), &value)) {
    return absl::InvalidArgumentError("the leader's key holds no base64");
  }
  rapidjson::Document leader;
  leader.Parse<kParseFlags>(value.data(), value.size());
  if (leader.HasParseError()) return absl::InvalidArgumentError("the leader's key holds no JSON");
  auto address = parse_host_port(text_member(leader, "address"));
  if (address.ok()) return address;
  return absl::InvalidArgumentError(absl::StrCat("the leader's key: ", address.status().message()));
}

LeaderQuery::LeaderQuery(Reactor& reactor, LeaderInEtcd where, Done done)
    : reactor_(reactor),
      where_(std::move(where)),
      done_(std::move(done)),
      answer_(absl::UnknownError("")) {
  ask();
}

void LeaderQuery::ask() {
  const std::string key = absl::Base64Escape(absl::StrCat(where_.prefix, "/leader"));
  const std::string question = absl::StrCat(R"({"key":")", key, R"("})");
  where_.access.is_plain() ? ask_plainly(question) : ask_with_access(question);
}

void LeaderQuery::ask_plainly(const std::string& question) {
  HttpCallOptions options;
  options.timeout = core::kLeaderLookUpTimeout;
  options.max_body_bytes = kMaxAnswerBytes;
  options.json = question;
  call_ = std::make_unique<HttpCall>(
      reactor_, where_.members[next_], "/v3/kv/range", options,
      [this](const absl::StatusOr<HttpAnswer>& answer) {
        if (!answer.ok()) return on_answer(answer.status());
        if (answer->status == 200) return on_answer(answer->body);
        on_answer(absl::UnavailableError(absl::StrCat("it answers ", answer->status)));
      });
}

void LeaderQuery::ask_with_access(const std::string& question) {
  const auto work = [this, question, member = where_.members[next_].to_string()] {
    answer_ = ask_etcd(where_.access, member, "kv/range", question, core::kLeaderLookUpTimeout,
                       kMaxAnswerBytes);
  };
  task_ = std::make_unique<BackgroundTask>(reactor_, work, [this] { on_answer(answer_); });
}

// May be `answer_`, which the next question writes.
void LeaderQuery::on_answer(const absl::StatusOr<std::string>& body) {
  absl::StatusOr<HostPort> leader = body.ok() ? leader_in_range_answer(*body) : body.status();
  const std::string member = where_.members[next_].to_string();
  if (!leader.ok() && !absl::IsNotFound(leader.status())) {
    if (++next_ < where_.members.size()) return ask();
    leader = absl::UnavailableError(
        absl::StrCat("no etcd at ", member, ": ", leader.status().message()));
  } else if (!leader.ok()) {
    leader = absl::NotFoundError(absl::StrCat("no master leads, says etcd at ", member));
  }
  const Done tell = std::move(done_);
  tell(std::move(leader));  // last: `this` may be gone
}

}  // namespace shoal::net
