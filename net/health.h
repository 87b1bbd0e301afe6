// /livez, /readyz and /health: how both daemons answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace shoal::net {

// One thing that has to be so.
struct HealthCheck {
  std::string_view name;
  std::string why_not;  // empty: it is so
};

// 200 {"status":"ok"} when all are; else 503 {"status":"failing","why":"NAME: …"} with the first
// that is not. With ?verbose all are there:
// "checks":[{"name":…,"ok":true},{"name":…,"ok":false,"why":…}].
HttpResponse health_response(const HttpRequest& request, const std::vector<HealthCheck>& checks);

}  // namespace shoal::net
