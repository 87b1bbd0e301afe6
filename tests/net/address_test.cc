#include "net/address.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::net {
namespace {

using ::testing::HasSubstr;

std::string why_not(std::string_view text) {
  const absl::StatusOr<HostPort> result = parse_host_port(text);
  EXPECT_FALSE(result.ok()) << text;
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

TEST(Address, WellFormed) {
  const std::pair<const char*, HostPort> cases[] = {
      {"127.0.0.1:0", {"127.0.0.1", 0}},         {"0.0.0.0:5050", {"0.0.0.0", 5050}},
      {"localhost:65535", {"localhost", 65535}}, {"[::1]:80", {"::1", 80}},
      {"[fe80::1]:443", {"fe80::1", 443}},       {"a-b.example.com:1", {"a-b.example.com", 1}},
  };
  for (const auto& [text, expected] : cases) {
    const absl::StatusOr<HostPort> result = parse_host_port(text);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->host, expected.host);
    EXPECT_EQ(result->port, expected.port);
    EXPECT_EQ(result->to_string(), text);
  }
}

TEST(Address, EveryMalformedTextSaysWhy) {
  EXPECT_THAT(why_not(""), HasSubstr("empty"));
  EXPECT_THAT(why_not("localhost"), HasSubstr("port is missing"));
  EXPECT_THAT(why_not("localhost:"), HasSubstr("port is missing"));
  EXPECT_THAT(why_not(":5050"), HasSubstr("host is missing"));
  EXPECT_THAT(why_not(":"), HasSubstr("host is missing"));
  EXPECT_THAT(why_not("a:65536"), HasSubstr("over 65535"));
  EXPECT_THAT(why_not("a:99999999999999999999"), HasSubstr("over 65535"));
  EXPECT_THAT(why_not("a:-1"), HasSubstr("not a number"));
  EXPECT_THAT(why_not("a:+1"), HasSubstr("not a number"));
  EXPECT_THAT(why_not("a:0x50"), HasSubstr("not a number"));
  EXPECT_THAT(why_not("a: 80"), HasSubstr("not a number"));
  EXPECT_THAT(why_not("a:80 "), HasSubstr("not a number"));
  EXPECT_THAT(why_not("a:http"), HasSubstr("not a number"));
  EXPECT_THAT(why_not("::1:80"), HasSubstr("brackets"));
  EXPECT_THAT(why_not("[::1]"), HasSubstr("port is missing"));
  EXPECT_THAT(why_not("[::1]80"), HasSubstr("must follow"));
  EXPECT_THAT(why_not("[::1:80"), HasSubstr("']' is missing"));
  EXPECT_THAT(why_not("[127.0.0.1]:80"), HasSubstr("not an IPv6 address"));
  EXPECT_THAT(why_not("[]:80"), HasSubstr("not an IPv6 address"));
  EXPECT_THAT(why_not("a b:80"), HasSubstr("character"));
  EXPECT_THAT(why_not("http://a"), HasSubstr("not a number"));
  EXPECT_THAT(why_not(std::string(300, 'a') + ":1"), HasSubstr("longer than 253"));
  EXPECT_THAT(why_not("nope"), HasSubstr("'nope'"));
}

TEST(Address, NumericAddressesKeepTheirText) {
  for (const char* text : {"127.0.0.1:5050", "[::1]:80"}) {
    const auto address = SocketAddress::from_numeric(parse_host_port(text).value());
    ASSERT_TRUE(address.ok());
    EXPECT_EQ(address->to_string(), text);
    EXPECT_TRUE(address->is_loopback());
  }
  EXPECT_FALSE(SocketAddress::from_numeric({"localhost", 1}).ok());
  EXPECT_FALSE(SocketAddress::from_numeric({"10.0.0.1", 1})->is_loopback());
  EXPECT_EQ(SocketAddress().to_string(), "?");
}

TEST(Address, LooksUpNames) {
  const auto found = resolve_blocking({"localhost", 5050});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->front().is_loopback());
  EXPECT_EQ(found->front().port(), 5050);
  const auto missing = resolve_blocking({"no-such-host.invalid", 1});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("no-such-host.invalid"));
}

}  // namespace
}  // namespace shoal::net
