// Answers of the operator API that are not records.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/messages.h"
#include "net/http.h"

namespace shoal::master {

// {"error":{"code":"not_found","message":"no agent a-…"}}. The message becomes one printable line.
net::HttpResponse api_error(int status, std::string_view code, std::string_view message);
// INVALID_ARGUMENT is 400.
net::HttpResponse api_error(const absl::Status& status);
// What the cluster refuses: NOT_FOUND is 404, OVERLOADED 503, GONE 410, the rest 409.
net::HttpResponse api_error(const core::Refusal& refusal);

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

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace shoal::master
