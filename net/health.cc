#include "net/health.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/json_text.h"

namespace shoal::net {
namespace {

constexpr std::size_t kMostWhy = 400;

}  // namespace

HttpResponse health_response(const HttpRequest& request, const std::vector<HealthCheck>& checks) {
  const auto failing = std::find_if(checks.begin(), checks.end(), [](const HealthCheck& check) {
    return !check.why_not.empty();
  });
  HttpResponse response;
  if (failing == checks.end()) {
    response.body = R"({"status":"ok")";
  } else {
    response.status = 503;
    response.body = fmt::format(
        R"({{"status":"failing","why":{})",
        core::json_text(fmt::format("{}: {}", failing->name, failing->why_not), kMostWhy));
  }
  if (request.query_parameter("verbose").has_value()) {
    std::string list;
    for (const HealthCheck& check : checks) {
      list += fmt::format(R"({}{{"name":"{}","ok":{})", list.empty() ? "" : ",", check.name,
                          check.why_not.empty());
      if (!check.why_not.empty()) {
        list += fmt::format(R"(,"why":{})", core::json_text(check.why_not, kMostWhy));
      }
      list += '}';
    }
    response.body += fmt::format(R"(,"checks":[{}])", list);
  }
  response.body += "}\n";
  return response;
}

}  // namespace shoal::net
