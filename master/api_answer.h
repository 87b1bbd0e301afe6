// Answers of the operator API that are not records.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ids.h"
#include "core/messages.h"
#include "core/time.h"
#include "net/http.h"

namespace shoal::master {

// {"error":{"code":"not_found","message":"no agent a-…"}}. The message becomes one printable line.
net::HttpResponse api_error(int status, std::string_view code, std::string_view message);
// INVALID_ARGUMENT is 400.
net::HttpResponse api_error(const absl::Status& status);
// 503 "busy", with Retry-After in whole seconds.
net::HttpResponse api_busy(core::Duration wait);
// What the cluster refuses: NOT_FOUND is 404, OVERLOADED 503, GONE 410, the rest 409.
net::HttpResponse api_error(const core::Refusal& refusal);

// Whether the request may change something: nullopt, or the answer that refuses it
// (net/sender_check.h).
std::optional<net::HttpResponse> refuse_sender(const net::HttpRequest& request);

// {"done":true}
net::HttpResponse api_done();

// The query's parameters, each at most once and none but `known`; INVALID_ARGUMENT otherwise. An
// empty value is as good as none.
class QueryParameters {
 public:
  static absl::StatusOr<QueryParameters> parse(const net::HttpRequest& request,
                                               const std::vector<std::string_view>& known);
  std::string text(std::string_view name) const;               // empty: not there
  std::vector<std::string> list(std::string_view name) const;  // between commas
  // Left as it is when the parameter is not there.
  absl::Status read(std::string_view name, core::AgentId* agent) const;
  absl::Status read(std::string_view name, core::FrameworkId* framework) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace shoal::master
