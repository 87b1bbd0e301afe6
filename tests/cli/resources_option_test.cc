#include "cli/resources_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/status.h"

namespace shoal::cli {
namespace {

using testing::HasSubstr;

// What the JSON means; the error when it means nothing.
std::string meaning(std::string_view json) {
  const auto text = resources_text_of_json(json);
  return text.ok() ? *text : std::string(core::message_of(text.status()));
}
core::Resources resources_of(std::string_view text) { return *core::parse_resources(text); }

constexpr std::string_view kCpus = R"([{"name":"cpus","type":"SCALAR","scalar":{"value":4}}])";

TEST(ResourcesJson, EveryTypeAndRole) {
  const std::string text = meaning(R"([
    {"name":"cpus","type":"SCALAR","scalar":{"value":4}},
    {"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"role":"ads"},
    {"name":"mem","type":"SCALAR","scalar":{"value":8192.125},"role":"*"},
    {"name":"gpus","type":"SCALAR","scalar":{"value":0}},
    {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000},
                                                       {"begin":33000,"end":33000}]}},
    {"name":"disk","type":"SCALAR","scalar":{"value":100},
     "reservations":[{"type":"STATIC","role":"eng"},{"type":"STATIC","role":"eng/ads"}]},
    {"name":"disk","type":"SCALAR","scalar":{"value":7},
     "disk":{"source":{"type":"MOUNT","mount":{"root":"/data 2"}}}},
    {"name":"disk","type":"SCALAR","scalar":{"value":6},
     "disk":{"source":{"type":"PATH","path":{"root":"/data1"}}}},
    {"name":"licenses","type":"SCALAR","scalar":{"value":3}},
    {"name":"ids","type":"RANGES","ranges":{"range":[{"begin":5000000000,"end":5000000009}]}},
    {"name":"bays","type":"SET","set":{"item":["right","left"]}}])");
  EXPECT_EQ(resources_of(text),
            resources_of("cpus:4;cpus(ads):0.5;mem:8192.125;ports:[31000-32000,33000-33000];"
                         "disk(eng)(eng/ads):100;disk{mount=/data%202}:7;disk{path=/data1}:6;"
                         "licenses:3;ids:[5000000000-5000000009];bays:{left,right}"));
  EXPECT_THAT(text, HasSubstr("gpus:0"));  // said, so not probed
  EXPECT_EQ(meaning(kCpus), "cpus:4");
  EXPECT_EQ(meaning("[]"), "");
}

TEST(ResourcesJson, EveryFaultIsNamed) {
  const auto of = [](std::string_view members) {
    return meaning(fmt::format("[{{{}}}]", members));
  };
  EXPECT_THAT(meaning("{"), HasSubstr("not JSON, at byte"));
  EXPECT_THAT(meaning("[] x"), HasSubstr("not JSON, at byte"));
  EXPECT_THAT(meaning("{}"), HasSubstr("array of resources"));
  EXPECT_THAT(meaning("[4]"), HasSubstr("resource 0 is not an object"));
  EXPECT_THAT(of(R"("type":"SCALAR")"), HasSubstr("'name' is missing"));
  EXPECT_THAT(of(R"("name":"cpus","name":"mem")"), HasSubstr("'name' is there twice"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{})"),
              HasSubstr("'revocable' is not known here"));
  EXPECT_THAT(of(R"("name":"cpus","type":"TEXT","text":{"value":"1"})"), HasSubstr("'text'"));
  EXPECT_THAT(of(R"("name":"cpus","type":"TEXT")"), HasSubstr("none of SCALAR, RANGES, SET"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SCALAR")"), HasSubstr("'scalar' is missing"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SCALAR","scalar":{"value":1},"set":{"item":[]})"),
              HasSubstr("'set' is there in one of type SCALAR"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SET","set":{"item":["a"]})"),
              HasSubstr("cpus is of type SCALAR"));
  EXPECT_THAT(of(R"("name":"ports","type":"SCALAR","scalar":{"value":1})"),
              HasSubstr("ports is of type RANGES"));
  EXPECT_THAT(of(R"("name":"cpu","type":"SCALAR","scalar":{"value":1})"), HasSubstr("cpus"));
  EXPECT_THAT(of(R"("name":"a;b","type":"SCALAR","scalar":{"value":1})"), HasSubstr("a;b"));
  EXPECT_THAT(of(R"("name":"gpus","type":"SCALAR","scalar":{"value":1.5})"), HasSubstr("whole"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"a/../b")"),
              HasSubstr("a/../b"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"a",
                    "reservations":[])"),
              HasSubstr("use 'role' or 'reservations'"));
  EXPECT_THAT(of(R"("name":"cpus","type":"SCALAR","scalar":{"value":1},
                    "reservations":[{"type":"DYNAMIC","role":"a"}])"),
              HasSubstr("only STATIC ones stand in flags"));
  EXPECT_THAT(of(R"("name":"disk","type":"SCALAR","scalar":{"value":1},
                    "disk":{"persistence":{"id":"v"}})"),
              HasSubstr("'persistence' is not known here"));
  EXPECT_THAT(of(R"("name":"disk","type":"SCALAR","scalar":{"value":1},
                    "disk":{"source":{"type":"RAW"}})"),
              HasSubstr("known are PATH and MOUNT"));
  EXPECT_THAT(of(R"("name":"disk","type":"SCALAR","scalar":{"value":1},
                    "disk":{"source":{"type":"PATH","mount":{"root":"/x"}}})"),
              HasSubstr("has 'path' and nothing else"));
  EXPECT_THAT(of(R"("name":"mem","type":"SCALAR","scalar":{"value":1},
                    "disk":{"source":{"type":"PATH","path":{"root":"/x"}}})"),
              HasSubstr("only 'disk' has a 'disk'"));
  EXPECT_THAT(of(R"("name":"disk","type":"SCALAR","scalar":{"value":1},
                    "disk":{"source":{"type":"PATH","path":{"root":"x"}}})"),
              HasSubstr("x"));
  EXPECT_THAT(meaning(R"([{"name":"cpus","type":"SCALAR","scalar":{"value":4}},
                          {"name":"cpus","type":"SCALAR","scalar":{"value":4}}])"),
              HasSubstr("resource 1: 'cpus' is there twice"));
}

TEST(ResourcesJson, NumbersAreExactAndBounded) {
  const auto of = [](std::string_view number) {
    return meaning(
        fmt::format(R"([{{"name":"mem","type":"SCALAR","scalar":{{"value":{}}}}}])", number));
  };
  EXPECT_EQ(of("0.1"), "mem:0.1");
  EXPECT_EQ(of("0.001"), "mem:0.001");
  EXPECT_EQ(of("1e3"), "mem:1000");
  EXPECT_EQ(of("123456789.123"), "mem:123456789.123");
  EXPECT_THAT(of("0.0004"), HasSubstr("three decimals"));
  EXPECT_THAT(of("-1"), HasSubstr("not within 0"));
  EXPECT_THAT(of("1e300"), HasSubstr("not within 0"));
  EXPECT_THAT(of("1e999"), HasSubstr("not JSON"));
  EXPECT_THAT(of("NaN"), HasSubstr("not JSON"));
  EXPECT_THAT(of("\"4\""), HasSubstr("no number"));
  const auto ports = [](std::string_view ranges) {
    return meaning(
        fmt::format(R"([{{"name":"ports","type":"RANGES","ranges":{{"range":[{}]}}}}])", ranges));
  };
  EXPECT_THAT(ports(R"({"begin":1,"end":65536})"), HasSubstr("within 0-65535"));
  EXPECT_THAT(ports(R"({"begin":9,"end":1})"), HasSubstr("9-1"));
  EXPECT_THAT(ports(R"({"begin":1,"end":9},{"begin":9,"end":10})"), HasSubstr("overlaps"));
  EXPECT_THAT(ports(R"({"begin":-1,"end":9})"), HasSubstr("whole numbers"));
  EXPECT_THAT(ports(R"({"begin":1.5,"end":9})"), HasSubstr("whole numbers"));
  EXPECT_THAT(ports(R"({"begin":4294967297,"end":4294967298})"), HasSubstr("within 0-65535"));
}

TEST(ResourcesJson, SizeAndDepthAreBounded) {
  EXPECT_THAT(meaning(std::string(2 << 20, ' ')), HasSubstr("bytes of JSON"));
  EXPECT_THAT(meaning(std::string(500'000, '[')), HasSubstr("not JSON"));
  EXPECT_THAT(meaning(std::string(300'000, '[') + std::string(300'000, ']')),
              HasSubstr("is not an object"));
  std::string many = "[";
  for (int i = 0; i < 1025; ++i) many += i == 0 ? "0" : ",0";
  EXPECT_THAT(meaning(many + "]"), HasSubstr("more than 1024 resources"));
}

TEST(ResourcesOption, TextJsonOrFile) {
  EXPECT_EQ(*read_resources_option(""), "");
  EXPECT_EQ(*read_resources_option("cpus:4;mem(ads):9"), "cpus:4;mem(ads):9");
  EXPECT_EQ(*read_resources_option(std::string(kCpus)), "cpus:4");
  EXPECT_THAT(std::string(read_resources_option("cpus:x").status().message()),
              HasSubstr("--resources: "));
  EXPECT_THAT(std::string(read_resources_option("[4]").status().message()),
              HasSubstr("--resources: resource 0"));

  std::string name = (std::filesystem::temp_directory_path() / "shoal_resources_XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(name) << "\n  " << kCpus << "\n";
  EXPECT_EQ(*read_resources_option("@" + name), "cpus:4");
  std::ofstream(name) << "cpus:4;\n mem:9\n";
  EXPECT_EQ(resources_of(*read_resources_option("@" + name)), resources_of("cpus:4;mem:9"));
  std::filesystem::remove(name);
  EXPECT_THAT(std::string(read_resources_option("@" + name).status().message()),
              HasSubstr(name + ": no such file"));
  EXPECT_FALSE(read_resources_option("@/").ok());
  EXPECT_FALSE(read_resources_option("@").ok());
}

TEST(ResourcesOption, TheFlagNamesEverythingSoThatNothingIsProbed) {
  EXPECT_EQ(
      resources_flag(resources_of("cpus:4;mem(ads):9;licenses:3")),
      core::to_string(resources_of("cpus:4;mem(ads):9;licenses:3")) + ";disk:0;gpus:0;ports:[]");
  EXPECT_EQ(resources_flag(core::Resources()), "cpus:0;mem:0;disk:0;gpus:0;ports:[]");
}

}  // namespace
}  // namespace shoal::cli
