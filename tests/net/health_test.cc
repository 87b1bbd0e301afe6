#include "net/health.h"

#include <gtest/gtest.h>

namespace shoal::net {
namespace {

HttpResponse ask(const std::string& query, const std::vector<HealthCheck>& checks) {
  HttpRequest request;
  request.query = query;
  return health_response(request, checks);
}

TEST(Health, WhatIsWellIsShort) {
  const HttpResponse response = ask("", {{"loop", ""}, {"disk", ""}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{\"status\":\"ok\"}\n");
  EXPECT_EQ(ask("verbose", {{"loop", ""}}).body,
            R"({"status":"ok","checks":[{"name":"loop","ok":true}]})"
            "\n");
}

TEST(Health, WhatIsNotSaysWhy) {
  const std::vector<HealthCheck> checks = {{"loop", ""}, {"disk", "\"full\"\n"}, {"net", "down"}};
  const HttpResponse response = ask("", checks);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, R"({"status":"failing","why":"disk: \"full\"\\x0a"})"
                           "\n");
  EXPECT_EQ(
      ask("verbose=1", checks).body,
      R"({"status":"failing","why":"disk: \"full\"\\x0a","checks":[{"name":"loop","ok":true},)"
      R"({"name":"disk","ok":false,"why":"\"full\"\\x0a"},)"
      R"({"name":"net","ok":false,"why":"down"}]})"
      "\n");
}

}  // namespace
}  // namespace shoal::net
