// Well-formed buffers whose fields make no sense: each is refused, and the error names the field.
#include <gtest/gtest.h>

#include <limits>

#include "tests/wire/raw.h"

namespace shoal::wire {
namespace {

// The error of a sample after `change`.
template <typename T, typename Change>
std::string refused(T message, Change&& change) {
  change(message);
  return error_of<T>(payload_of(encoded(message)));
}

// The error of a root table with these fields only.
template <typename T, typename... Fields>
std::string refused_raw(const Fields&... fields) {
  Raw raw;
  return error_of<T>(raw.finish(raw.table(fields...)));
}

constexpr std::uint64_t kId = 1;

TEST(Missing, EmptyTablesNameTheFirstMissingField) {
  EXPECT_EQ(refused_raw<core::RegisterAgent>(), "RegisterAgent.incarnation: is missing or zero");
  EXPECT_EQ(refused_raw<core::RegisterAgent>(field(0, kId)),
            "RegisterAgent.hostname: is missing or empty");
  EXPECT_EQ(refused_raw<core::AgentRegistered>(), "AgentRegistered.agent: is missing or zero");
  EXPECT_EQ(refused_raw<core::RunTask>(), "RunTask.framework: is missing or zero");
  EXPECT_EQ(refused_raw<core::RunTask>(field(0, kId)), "RunTask.task: is missing");
  EXPECT_EQ(refused_raw<core::KillTask>(field(0, kId)), "KillTask.task: the name is empty");
  EXPECT_EQ(refused_raw<core::TaskStatus>(), "StatusUpdate.framework: is missing or zero");
  EXPECT_EQ(refused_raw<core::TaskStatus>(field(0, kId)), "StatusUpdate.task: the name is empty");
  EXPECT_EQ(refused_raw<core::AcknowledgeUpdate>(field(0, kId)),
            "AcknowledgeUpdate.agent: is missing or zero");
  EXPECT_EQ(refused_raw<core::RemoveFramework>(), "RemoveFramework.framework: is missing or zero");
  EXPECT_EQ(refused_raw<core::Subscribe>(), "Subscribe.role: the name is empty");
  EXPECT_EQ(refused_raw<core::Subscribed>(field(0, kId)),
            "Subscribed.heartbeat_interval_ms: is missing or zero");
  EXPECT_EQ(refused_raw<core::AgentFailure>(), "AgentFailure.agent: is missing or zero");
  EXPECT_EQ(refused_raw<core::TeardownFramework>(),
            "TeardownFramework.framework: is missing or zero");
  EXPECT_EQ(refused_raw<core::ReadLog>(field(0, kId)), "ReadLog.task: the name is empty");
}

TEST(Missing, WhatMayBeAbsentIsEmpty) {
  EXPECT_EQ(refused_raw<core::Hello>(), "");
  EXPECT_EQ(refused_raw<core::Accept>(), "");
  EXPECT_EQ(refused_raw<core::Decline>(), "");
  EXPECT_EQ(refused_raw<core::Offers>(), "");
  EXPECT_EQ(refused_raw<core::Reconcile>(), "");
  EXPECT_EQ(refused_raw<core::ClusterView>(), "");
  EXPECT_EQ(refused_raw<core::LogChunk>(), "");
}

TEST(Missing, AcknowledgementNeedsItsUuid) {
  Raw raw;
  const RawOffset task = raw.text("t");
  const ByteVector bytes = raw.finish(raw.table(field(0, kId), field(1, kId), field(2, task)));
  EXPECT_EQ(error_of<core::AcknowledgeUpdate>(bytes), "AcknowledgeUpdate.uuid: is missing");
}

TEST(Missing, ElementsAreNamedByTheirIndex) {
  EXPECT_EQ(refused(Samples().register_agent, [](auto& m) { m.tasks[1].id = ""; }),
            "RegisterAgent.tasks[1].id: the name is empty");
  EXPECT_EQ(refused(Samples().offers,
                    [](auto& m) {
                      m.offers[1].attributes = {{"", "x"}};
                    }),
            "Offers.offers[1].attributes[0].name: the name is empty");
  EXPECT_EQ(refused(Samples().reconcile, [](auto& m) { m.tasks[0] = "a b"; }),
            "Reconcile.tasks[0]: the name 'a b' may only hold [A-Za-z0-9._-]");
}

TEST(Enums, ValuesOutOfRange) {
  const std::uint8_t bad = 200;
  EXPECT_EQ(refused_raw<core::Hello>(field(0, bad)), "Hello.kind: 200 is not a known value");
  EXPECT_EQ(refused_raw<core::Refusal>(field(0, bad)), "Refusal.code: 200 is not a known value");
  EXPECT_EQ(refused_raw<core::Query>(field(0, std::uint8_t{5})),
            "Query.kind: 5 is not a known value");
  const auto status = [](auto change) {
    core::TaskStatus message = Samples().status;
    change(message);
    return error_of<core::TaskStatus>(payload_of(encoded(message)));
  };
  EXPECT_EQ(status([](auto& m) { m.state = static_cast<core::TaskState>(14); }),
            "StatusUpdate.state: 14 is not a known value");
  EXPECT_EQ(status([](auto& m) { m.reason = static_cast<core::TaskReason>(255); }),
            "StatusUpdate.reason: 255 is not a known value");
  EXPECT_EQ(status([](auto& m) { m.source = static_cast<core::TaskSource>(2); }),
            "StatusUpdate.source: 2 is not a known value");
  EXPECT_EQ(
      refused(Samples().read_log, [](auto& m) { m.stream = static_cast<core::LogStream>(9); }),
      "ReadLog.stream: 9 is not a known value");
  EXPECT_EQ(refused(Samples().view,
                    [](auto& m) { m.agents[0].state = static_cast<core::AgentState>(3); }),
            "QueryAnswer.agents[0].state: 3 is not a known value");
}

TEST(Texts, OnlyCleanText) {
  const std::string_view bad[] = {std::string_view("a\0b", 3),
                                  "\xff",
                                  "\xc0\xaf",          // overlong '/'
                                  "\xed\xa0\x80",      // surrogate
                                  "\xf5\x80\x80\x80",  // over U+10FFFF
                                  "\xe2\x80\xae"
                                  "evil",      // right-to-left override
                                  "\x1b[31m",  // terminal escape
                                  "a\rb"};
  for (const std::string_view text : bad) {
    SCOPED_TRACE(testing::PrintToString(text));
    EXPECT_EQ(refused(Samples().register_agent, [&](auto& m) { m.hostname = text; }),
              "RegisterAgent.hostname: not clean UTF-8 text");
    EXPECT_EQ(refused(Samples().refusal, [&](auto& m) { m.message = text; }),
              "Refusal.message: not clean UTF-8 text");
    EXPECT_EQ(refused(Samples().offers, [&](auto& m) { m.offers[0].attributes[1].value = text; }),
              "Offers.offers[0].attributes[1].value: not clean UTF-8 text");
    const std::string error = refused(Samples().kill_task, [&](auto& m) { m.task = text; });
    EXPECT_NE(error.find("KillTask.task: the name"), std::string::npos) << error;
    EXPECT_EQ(error.find('\x1b'), std::string::npos);
  }
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.name = "Tränen & 日本"; }), "");
}

TEST(Texts, NamesThatAreNotFileNames) {
  for (const std::string_view text : {"../etc/passwd", "a/b", ".", "..", "a b", "<img>", "*"}) {
    EXPECT_NE(refused(Samples().kill_task, [&](auto& m) { m.task = text; }), "") << text;
  }
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.role = "*"; }), "");
  EXPECT_NE(refused(Samples().subscribe, [](auto& m) { m.role = "a/*"; }), "");
}

TEST(Texts, Lengths) {
  const std::string id(core::kMaxIdBytes + 1, 'i');
  const std::string text(core::kMaxTextBytes + 1, 't');
  EXPECT_EQ(refused(Samples().kill_task, [&](auto& m) { m.task = id; }),
            "KillTask.task: the name has 129 bytes; the limit is 128");
  EXPECT_EQ(refused(Samples().status, [&](auto& m) { m.message = text; }),
            "StatusUpdate.message: has 4097 bytes; the limit is 4096");
  EXPECT_EQ(refused(Samples().run_task, [&](auto& m) { m.task.name = id; }),
            "RunTask.task.name: has 129 bytes; the limit is 128");
  const ByteVector large(core::kMaxTaskDescriptionBytes + 1, 0);
  EXPECT_EQ(refused(Samples().run_task, [&](auto& m) { m.task.description = large; }),
            "RunTask.task.description: has 262145 items; the limit is 262144");
  EXPECT_EQ(refused(Samples().log_chunk, [&](auto& m) { m.data = large; }),
            "LogChunk.data: has 262145 items; the limit is 65536");
  EXPECT_EQ(refused(Samples().register_agent,
                    [&](auto& m) {
                      m.attributes.assign(20, {"a", std::string_view(text).substr(1)});
                    }),
            "RegisterAgent.attributes: hold more than 64 KiB");
  EXPECT_EQ(refused(Samples().register_agent,
                    [](auto& m) {
                      m.attributes.assign(257, {"a", ""});
                    }),
            "RegisterAgent.attributes: has 257 items; the limit is 256");
}

TEST(Numbers, Scalars) {
  const auto offered = [](core::Milli core::Resources::*scalar, core::Milli value) {
    core::RegisterAgent message = Samples().register_agent;
    message.resources.*scalar = value;
    return error_of<core::RegisterAgent>(payload_of(encoded(message)));
  };
  EXPECT_EQ(offered(&core::Resources::cpus, -1), "RegisterAgent.resources: cpus is negative");
  EXPECT_EQ(offered(&core::Resources::mem, std::numeric_limits<core::Milli>::min()),
            "RegisterAgent.resources: mem is negative");
  EXPECT_NE(offered(&core::Resources::disk, core::kMaxScalarMilli + 1), "");
  EXPECT_NE(offered(&core::Resources::mem, std::numeric_limits<core::Milli>::max()), "");
  EXPECT_EQ(offered(&core::Resources::gpus, 1500),
            "RegisterAgent.resources: gpus must be a whole number");
}

std::string ports_refused(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges) {
  Raw raw;
  const RawOffset resources = raw.table(field(4, raw.pairs(ranges)));
  const RawOffset task = raw.table(field(0, raw.text("t")), field(2, resources));
  return error_of<core::RunTask>(raw.finish(raw.table(field(0, kId), field(1, task))));
}

TEST(Numbers, Ports) {
  EXPECT_EQ(ports_refused({{5, 7}, {1, 3}}), "");
  EXPECT_NE(ports_refused({{5, 4}}).find("RunTask.task.resources: ports"), std::string::npos);
  EXPECT_NE(ports_refused({{1, 5}, {5, 6}}).find("overlaps"), std::string::npos);
  EXPECT_NE(ports_refused({{1, 5}, {1, 5}}).find("overlaps"), std::string::npos);
  EXPECT_NE(ports_refused({{0, 65536}}), "");
  EXPECT_NE(ports_refused({{0xffffffffu, 0xffffffffu}}), "");
  EXPECT_EQ(ports_refused({1025, {1, 1}}),
            "RunTask.task.resources.ports: has 1025 items; the limit is 1024");
}

TEST(Numbers, DurationsAndTimes) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_NE(refused(Samples().kill_task, [&](auto& m) { m.grace_ms = most; }), "");
  EXPECT_NE(refused(Samples().accept, [&](auto& m) { m.refuse_ms = most; }), "");
  EXPECT_EQ(refused(Samples().decline, [](auto& m) { m.refuse_ms = 31'536'000'001; }),
            "Decline.refuse_ms: 31536000001 ms is over the limit of 31536000000");
  EXPECT_EQ(refused(Samples().kill_task,
                    [](auto& m) { m.grace_ms = std::numeric_limits<std::int64_t>::min(); }),
            "");
  EXPECT_EQ(refused(Samples().status, [](auto& m) { m.timestamp_ms = -1; }),
            "StatusUpdate.timestamp_ms: is negative");
  EXPECT_EQ(refused(Samples().hello, [](auto& m) { m.protocol_min = 3; }),
            "Hello.protocol_min: is over protocol_max");
}

TEST(Numbers, ExitCodeAndSignal) {
  const auto status = [](auto... fields) {
    Raw raw;
    const RawOffset task = raw.text("t");
    return error_of<core::TaskStatus>(
        raw.finish(raw.table(field(0, kId), field(2, task), fields...)));
  };
  EXPECT_EQ(status(field(7, std::int32_t{255})), "");
  EXPECT_EQ(status(field(8, std::int32_t{64})), "");
  EXPECT_EQ(status(field(7, std::int32_t{0}), field(8, std::int32_t{9})),
            "StatusUpdate.exit_code: stands beside exit_signal");
  EXPECT_EQ(status(field(7, std::int32_t{-1})), "StatusUpdate.exit_code: is not within 0 to 255");
  EXPECT_EQ(status(field(7, std::int32_t{256})), "StatusUpdate.exit_code: is not within 0 to 255");
  EXPECT_EQ(status(field(8, std::int32_t{1000})),
            "StatusUpdate.exit_signal: is not within 1 to 64");
}

}  // namespace
}  // namespace shoal::wire
