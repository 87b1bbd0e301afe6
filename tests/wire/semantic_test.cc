// Well-formed buffers whose fields make no sense: each is refused, and the error names the field.
#include <gtest/gtest.h>

#include <limits>

#include "tests/wire/raw.h"

namespace shoal::wire {
namespace {

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
  EXPECT_EQ(refused_raw<core::Subscribed>(field(0, kId)),
            "Subscribed.heartbeat_interval_ms: is missing or zero");
  EXPECT_EQ(refused_raw<core::AgentFailure>(), "AgentFailure.agent: is missing or zero");
  EXPECT_EQ(refused_raw<core::TeardownFramework>(),
            "TeardownFramework.framework: is missing or zero");
  EXPECT_EQ(refused_raw<core::ReadLog>(field(0, kId)), "ReadLog.task: the name is empty");
  EXPECT_EQ(refused_raw<core::ApplyOperation>(), "ApplyOperation.uuid: is missing");
  EXPECT_EQ(refused_raw<core::AcknowledgeOperation>(),
            "AcknowledgeOperation.agent: is missing or zero");
  EXPECT_EQ(refused_raw<core::AcknowledgeOperation>(field(1, kId)),
            "AcknowledgeOperation.uuid: is missing");
  EXPECT_EQ(refused_raw<core::OperateAgent>(), "OperateAgent.agent: is missing or zero");
  EXPECT_EQ(refused_raw<core::OperateAgent>(field(0, kId)),
            "OperateAgent.resources: are missing or empty");
}

TEST(Missing, WhatMayBeAbsentIsEmpty) {
  EXPECT_EQ(refused_raw<core::Hello>(), "");
  EXPECT_EQ(refused_raw<core::Accept>(), "");
  EXPECT_EQ(refused_raw<core::Decline>(), "");
  EXPECT_EQ(refused_raw<core::Offers>(), "");
  EXPECT_EQ(refused_raw<core::Reconcile>(), "");
  EXPECT_EQ(refused_raw<core::ClusterView>(), "");
  EXPECT_EQ(refused_raw<core::LogChunk>(), "");
  EXPECT_EQ(refused_raw<core::Subscribe>(), "");
  EXPECT_EQ(refused_raw<core::Revive>(), "");
  EXPECT_EQ(refused_raw<core::Suppress>(), "");
  EXPECT_EQ(refused_raw<core::OperationUpdate>(), "");
  EXPECT_EQ(refused_raw<core::UpdateRevocable>(), "");
  EXPECT_EQ(refused_raw<core::Explain>(), "");
  EXPECT_EQ(refused_raw<core::Explanation>(), "");
  EXPECT_EQ(refused_raw<core::Notice>(), "");
  EXPECT_EQ(refused_raw<core::UpdateQuota>(), "");
  EXPECT_EQ(refused_raw<core::UpdateWeights>(), "");
  EXPECT_EQ(refused_raw<core::AgentResources>(), "");
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

TEST(Text, TheLeaderIsAnAddress) {
  const std::string most(core::kMaxAddressBytes, 'a');
  EXPECT_EQ(refused(Samples().refusal, [&](auto& m) { m.leader = most; }), "");
  const std::string longer = most + "a";
  EXPECT_NE(refused(Samples().refusal, [&](auto& m) { m.leader = longer; }), "");
}

TEST(Enums, ValuesOutOfRange) {
  const std::uint8_t bad = 200;
  EXPECT_EQ(refused_raw<core::Hello>(field(0, bad)), "Hello.kind: 200 is not a known value");
  EXPECT_EQ(refused_raw<core::Refusal>(field(0, bad)), "Refusal.code: 200 is not a known value");
  EXPECT_EQ(refused_raw<core::Query>(field(0, std::uint8_t{6})),
            "Query.kind: 6 is not a known value");
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
                    [](auto& m) { m.agents[0].state = static_cast<core::AgentState>(4); }),
            "QueryAnswer.agents[0].state: 4 is not a known value");
  EXPECT_EQ(refused(Samples().view,
                    [](auto& m) { m.roles[0].dominant = static_cast<core::ResourceKind>(4); }),
            "QueryAnswer.roles[0].dominant: 4 is not a known value");
  EXPECT_EQ(refused(Samples().operation_update,
                    [](auto& m) { m.state = static_cast<core::OperationState>(9); }),
            "OperationUpdate.state: 9 is not a known value");
  EXPECT_EQ(refused(Samples().register_agent,
                    [](auto& m) { m.operations[1].state = static_cast<core::OperationState>(9); }),
            "RegisterAgent.operations[1].state: 9 is not a known value");
  EXPECT_EQ(refused(Samples().apply_operation,
                    [](auto& m) { m.kind = static_cast<core::OperationKind>(7); }),
            "ApplyOperation.kind: 7 is not a known value");
  EXPECT_EQ(refused(Samples().notice, [](auto& m) { m.code = static_cast<core::NoticeCode>(1); }),
            "Notice.code: 1 is not a known value");
  EXPECT_EQ(
      refused(Samples().subscribe,
              [](auto& m) { m.constraints[0].target = static_cast<core::ConstraintTarget>(4); }),
      "Subscribe.constraints[0].target: 4 is not a known value");
  EXPECT_EQ(refused(Samples().subscribe,
                    [](auto& m) { m.constraints[0].test = static_cast<core::ConstraintTest>(6); }),
            "Subscribe.constraints[0].test: 6 is not a known value");
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
    EXPECT_EQ(refused(Samples().refusal, [&](auto& m) { m.leader = text; }),
              "Refusal.leader: not clean UTF-8 text");
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

// --- roles ---

TEST(Roles, AreChecked) {
  for (const std::string_view role :
       {"/a", "a/", "a//b", "a/*", "..", "-a", "a b", "a\tb", "\xff"}) {
    SCOPED_TRACE(role);
    const auto starts = [](const std::string& error, std::string_view path) {
      EXPECT_EQ(error.substr(0, path.size()), path);
      EXPECT_EQ(error.find('\n'), std::string::npos);
    };
    starts(refused(Samples().subscribe, [&](auto& m) { m.roles[1] = role; }),
           "Subscribe.roles[1]: role '");
    starts(refused(Samples().subscribe, [&](auto& m) { m.roles = {role}; }),
           "Subscribe.role: role '");
    starts(refused(Samples().revive, [&](auto& m) { m.roles[0] = role; }),
           "Revive.roles[0]: role '");
    starts(refused(Samples().suppress, [&](auto& m) { m.roles[0] = role; }),
           "Suppress.roles[0]: role '");
    starts(refused(Samples().run_task, [&](auto& m) { m.task.role = role; }),
           "RunTask.task.role: role '");
    starts(refused(Samples().register_agent, [&](auto& m) { m.tasks[0].role = role; }),
           "RegisterAgent.tasks[0].role: role '");
    starts(refused(Samples().offers, [&](auto& m) { m.offers[0].role = role; }),
           "Offers.offers[0].role: role '");
    starts(refused(Samples().explain, [&](auto& m) { m.role = role; }), "Explain.role: role '");
    starts(refused(Samples().explanation, [&](auto& m) { m.role = role; }),
           "Explanation.role: role '");
    starts(refused(Samples().update_quota, [&](auto& m) { m.configs[1].role = role; }),
           "UpdateQuota.configs[1].role: role '");
    starts(refused(Samples().update_weights, [&](auto& m) { m.weights[1].role = role; }),
           "UpdateWeights.weights[1].role: role '");
    starts(refused(Samples().view, [&](auto& m) { m.roles[0].name = role; }),
           "QueryAnswer.roles[0].name: role '");
    starts(refused(Samples().view, [&](auto& m) { m.tasks[0].role = role; }),
           "QueryAnswer.tasks[0].role: role '");
    starts(refused(Samples().view, [&](auto& m) { m.offers[0].role = role; }),
           "QueryAnswer.offers[0].role: role '");
  }
}

TEST(Roles, ListsHoldEachOnceAndOnlyWhatIsSubscribedTo) {
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.roles.push_back("research"); }),
            "Subscribe.roles: name 'research' twice");
  EXPECT_EQ(refused(Samples().revive, [](auto& m) { m.roles.push_back("*"); }),
            "Revive.roles: name '*' twice");
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.suppressed_roles = {"eng"}; }),
            "Subscribe.suppressed_roles[0]: names a role that is not subscribed to");
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.minimums[1].role = "*"; }),
            "Subscribe.minimums[1]: names a role that is not subscribed to");
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.constraints[1].role = "eng"; }),
            "Subscribe.constraints[1]: names a role that is not subscribed to");
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= core::kMaxRolesPerFramework; ++i) {
    names.push_back(fmt::format("role-{}", i));
  }
  EXPECT_EQ(
      refused(Samples().suppress, [&](auto& m) { m.roles.assign(names.begin(), names.end()); }),
      "Suppress.roles: has 65 items; the limit is 64");
  EXPECT_EQ(refused(Samples().update_quota, [](auto& m) { m.configs[1].role = "eng"; }),
            "UpdateQuota.configs: name 'eng' twice");
  EXPECT_EQ(refused(Samples().update_weights, [](auto& m) { m.weights[1].role = "eng"; }),
            "UpdateWeights.weights: name 'eng' twice");
}

TEST(Roles, TheDefaultRoleIsMeantWhenNoneIsNamed) {
  const auto roles = [](const auto& message) {
    const ByteVector frame = encoded(message);
    const auto back = decode<core::Subscribe>(payload_of(frame));
    EXPECT_TRUE(back.ok()) << back.status();
    return back.ok() ? std::vector<std::string>(back->roles.begin(), back->roles.end())
                     : std::vector<std::string>();
  };
  EXPECT_EQ(roles(core::Subscribe{}), std::vector<std::string>{"*"});
  core::Subscribe one;
  one.roles = {"eng/ads"};
  EXPECT_EQ(roles(one), std::vector<std::string>{"eng/ads"});
  EXPECT_EQ(refused(one, [](auto& m) { m.suppressed_roles = {"eng/ads"}; }), "");
  EXPECT_EQ(refused(core::Subscribe{}, [](auto& m) { m.suppressed_roles = {"*"}; }), "");
}

// A peer of version 0.1 has `role` alone; a newer one writes both, and `roles` counts.
TEST(Roles, TheListCountsWhenThereIsOne) {
  Raw raw;
  const RawOffset first = raw.text("first");
  const RawOffset other = raw.text("other");
  const RawOffset roles = raw.tables({other, first});
  const ByteVector both = raw.finish(raw.table(field(2, first), field(4, roles)));
  const auto back = decode<core::Subscribe>(both);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->roles, (core::RoleViews{"other", "first"}));
  EXPECT_EQ(back->capabilities.bits(), 4u);  // what everybody was

  Raw old;
  const RawOffset role = old.text("first");
  const ByteVector alone = old.finish(old.table(field(2, role)));
  ASSERT_TRUE(decode<core::Subscribe>(alone).ok());
  EXPECT_EQ(decode<core::Subscribe>(alone)->roles, core::RoleViews{"first"});
}

TEST(Roles, JoinedLists) {
  const auto framework = [](std::uint16_t index, std::string_view text) {
    Raw raw;
    const RawOffset joined = raw.text(text);
    const RawOffset record = raw.table(field(0, kId), field(index, joined));
    const RawOffset records = raw.tables({record});
    return error_of<core::ClusterView>(raw.finish(raw.table(field(2, records))));
  };
  EXPECT_EQ(framework(10, "a b/c *"), "");
  EXPECT_EQ(framework(10, "a  b"), "QueryAnswer.frameworks[0].roles: holds an empty item");
  EXPECT_EQ(framework(10, "a "), "QueryAnswer.frameworks[0].roles: holds an empty item");
  EXPECT_EQ(framework(11, " a"), "QueryAnswer.frameworks[0].suppressed_roles: holds an empty item");
  EXPECT_EQ(framework(11, "a \x1b[1m"),
            "QueryAnswer.frameworks[0].suppressed_roles: not clean UTF-8 text");
  EXPECT_NE(framework(10, "a b/"), "");
  EXPECT_NE(framework(3, "a/"), "");
  std::string many = "r0";
  for (int i = 1; i < 65; ++i) many += fmt::format(" r{}", i);
  EXPECT_EQ(framework(10, many), "QueryAnswer.frameworks[0].roles: are too many");
}

TEST(Roles, WeightsAreWithinTheirBounds) {
  const auto weighed = [](core::Milli weight) {
    return refused(Samples().update_weights, [&](auto& m) { m.weights[0].weight = weight; });
  };
  for (const core::Milli weight : {core::Milli{0}, core::Milli{-1}, core::kMaxWeightMilli + 1,
                                   std::numeric_limits<core::Milli>::min()}) {
    EXPECT_EQ(weighed(weight), "UpdateWeights.weights[0].weight: is not within 0.001 to 1000000");
  }
  EXPECT_EQ(weighed(1), "");
  EXPECT_EQ(weighed(core::kMaxWeightMilli), "");
  EXPECT_EQ(refused(Samples().view, [](auto& m) { m.roles[0].weight = 0; }),
            "QueryAnswer.roles[0].weight: is not within 0.001 to 1000000");
}

TEST(Roles, QuotasAreAmountsOrNoLimit) {
  const auto config = [](auto change) {
    return refused(Samples().update_quota, [&](auto& m) { change(m.configs[0]); });
  };
  const std::string bad_limit =
      "UpdateQuota.configs[0].limits.mem: is neither -1 (no limit) nor within 0 to 2^50";
  EXPECT_EQ(config([](auto& c) { c.limits[1] = -2; }), bad_limit);
  EXPECT_EQ(config([](auto& c) { c.limits[1] = core::kMaxScalarMilli + 1; }), bad_limit);
  EXPECT_EQ(config([](auto& c) { c.limits[1] = 0; }), "");
  EXPECT_EQ(config([](auto& c) { c.limits[1] = core::kMaxScalarMilli; }), "");
  EXPECT_EQ(config([](auto& c) { c.guarantees[3] = -1; }),
            "UpdateQuota.configs[0].guarantees.gpus: is negative");
  EXPECT_EQ(config([](auto& c) { c.guarantees[0] = core::kMaxScalarMilli + 1; }),
            "UpdateQuota.configs[0].guarantees: cpus is over 1125899906842");
  core::UpdateQuota many;
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= core::kMaxQuotaConfigs; ++i) names.push_back(fmt::format("r{}", i));
  for (const std::string& name : names)
    many.configs.push_back({name, {{1, 1, 1, 1}}, {{1, 1, 1, 1}}});
  EXPECT_EQ(error_of<core::UpdateQuota>(payload_of(encoded(many))),
            "UpdateQuota.configs: has 2049 items; the limit is 2048");
  many.configs.pop_back();
  EXPECT_EQ(error_of<core::UpdateQuota>(payload_of(encoded(many))), "");
}

// --- subscriptions ---

TEST(Subscriptions, Minimums) {
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.minimums[0].quantities = {}; }),
            "Subscribe.minimums[0].quantities: are missing or empty");
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.minimums[0].quantities[2] = -5; }),
            "Subscribe.minimums[0].quantities.disk: is negative");
  EXPECT_NE(refused(Samples().subscribe,
                    [](auto& m) { m.minimums[0].quantities[2] = core::kMaxScalarMilli + 1; }),
            "");
  EXPECT_EQ(refused(Samples().subscribe,
                    [](auto& m) {
                      m.minimums.resize(core::kMaxMinimums + 1, {"research", {{1, 0, 0, 0}}});
                    }),
            "Subscribe.minimums: has 65 items; the limit is 64");
  EXPECT_EQ(refused(Samples().subscribe, [](auto& m) { m.minimums[0].role = ""; }),
            "Subscribe.minimums[0].role: a role is empty; the default role is '*'");
}

TEST(Subscriptions, Constraints) {
  const auto constrained = [](auto change) {
    return refused(Samples().subscribe, [&](auto& m) { change(m.constraints[0]); });
  };
  EXPECT_EQ(constrained([](auto& c) { c.name = ""; }),
            "Subscribe.constraints[0].name: is missing or empty");
  EXPECT_EQ(constrained([](auto& c) { c.name = "a b"; }),
            "Subscribe.constraints[0].name: the name 'a b' may only hold [A-Za-z0-9._-]");
  EXPECT_EQ(constrained([](auto& c) { c.target = core::ConstraintTarget::kHostname; }),
            "Subscribe.constraints[0].name: is for attributes only");
  EXPECT_EQ(constrained([](auto& c) { c.test = core::ConstraintTest::kNotExists; }),
            "Subscribe.constraints[0].value: is not for a test of existence");
  EXPECT_EQ(constrained([](auto& c) { c.value = "\x1b"; }),
            "Subscribe.constraints[0].value: not clean UTF-8 text");
  const std::string regex(core::kMaxRegexBytes + 1, 'r');
  EXPECT_EQ(constrained([&](auto& c) { c.value = regex; }),
            "Subscribe.constraints[0].value: has 257 bytes; the limit is 256");
  const auto equals = [&](std::string_view value) {
    return constrained([&](auto& c) {
      c.test = core::ConstraintTest::kTextEquals;
      c.value = value;
    });
  };
  EXPECT_EQ(equals(regex), "");
  EXPECT_EQ(equals(""), "");
  EXPECT_EQ(equals(std::string(core::kMaxConstraintTextBytes + 1, 't')),
            "Subscribe.constraints[0].value: has 1025 bytes; the limit is 1024");
  EXPECT_EQ(refused(Samples().subscribe,
                    [](auto& m) {
                      m.constraints.resize(core::kMaxOfferConstraints + 1, m.constraints[0]);
                    }),
            "Subscribe.constraints: has 257 items; the limit is 256");
}

TEST(Subscriptions, UnknownCapabilitiesAreKept) {
  const ByteVector frame = encoded(Samples().subscribe);
  EXPECT_EQ(decode<core::Subscribe>(payload_of(frame))->capabilities.bits(), 0x8000000000000003u);
  core::RegisterAgent agent = Samples().register_agent;
  agent.capabilities = ~std::uint64_t{0};
  EXPECT_EQ(decode<core::RegisterAgent>(payload_of(encoded(agent)))->capabilities,
            ~std::uint64_t{0});
}

TEST(Subscriptions, RegionAndZoneStandTogether) {
  EXPECT_EQ(refused(Samples().register_agent, [](auto& m) { m.zone = ""; }),
            "RegisterAgent.zone: and region stand together or not at all");
  EXPECT_EQ(refused(Samples().register_agent, [](auto& m) { m.region = "a b"; }),
            "RegisterAgent.region: the name 'a b' may only hold [A-Za-z0-9._-]");
  EXPECT_EQ(refused(Samples().offers, [](auto& m) { m.offers[0].region = ""; }),
            "Offers.offers[0].zone: and region stand together or not at all");
  EXPECT_EQ(refused(Samples().view, [](auto& m) { m.agents[0].zone = "../x"; }),
            "QueryAnswer.agents[0].zone: the name '../x' may only hold [A-Za-z0-9._-]");
  EXPECT_EQ(refused(Samples().register_agent, [](auto& m) { m.zone = m.region = ""; }), "");
}

// --- operations ---

TEST(Operations, PartsBelongToTheirKind) {
  const auto operation = [](std::size_t i, auto change) {
    return refused(Samples().accept, [&](auto& m) { change(m.operations[i]); });
  };
  EXPECT_EQ(operation(0, [](auto& o) { o.id = "a/b"; }),
            "Accept.operations[0].id: the name 'a/b' may only hold [A-Za-z0-9._-]");
  EXPECT_EQ(operation(0, [](auto& o) { o.spec.resources = {}; }),
            "Accept.operations[0].resources: are missing or empty");
  EXPECT_EQ(operation(0, [](auto& o) { o.spec.addition.cpus = 1; }),
            "Accept.operations[0].addition: belongs to GROW and SHRINK only");
  EXPECT_EQ(operation(0, [](auto& o) { o.launches = 1; }),
            "Accept.operations[0].launches: are for a LAUNCH only");
  EXPECT_EQ(operation(0, [](auto& o) { o.spec.kind = static_cast<core::OperationKind>(7); }),
            "Accept.operations[0].kind: 7 is not a known value");
  EXPECT_EQ(operation(1, [](auto& o) { o.spec.resources.cpus = 1; }),
            "Accept.operations[1].resources: do not belong to a LAUNCH");
  EXPECT_EQ(operation(1, [](auto& o) { o.launches = 0xffffffffu; }), "");  // the handler's matter
  EXPECT_EQ(operation(1, [](auto& o) { o.launches = 1; }), "");
  EXPECT_EQ(operation(2, [](auto& o) { o.spec.addition = {}; }),
            "Accept.operations[2].addition: is missing or empty");
  EXPECT_EQ(operation(2, [](auto& o) { o.spec.resources.cpus = -1; }),
            "Accept.operations[2].resources: cpus is negative");
  EXPECT_EQ(refused(Samples().accept,
                    [](auto& m) {
                      m.operations.resize(core::kMaxOperationsPerAccept + 1, m.operations[0]);
                    }),
            "Accept.operations: has 65 items; the limit is 64");
}

TEST(Operations, OnlyAnAcceptLaunches) {
  EXPECT_EQ(refused(Samples().operate_agent,
                    [](auto& m) {
                      m.spec = {};
                      m.spec.kind = core::OperationKind::kLaunch;
                    }),
            "OperateAgent.kind: LAUNCH is for an ACCEPT");
  EXPECT_EQ(
      refused(Samples().apply_operation, [](auto& m) { m.kind = core::OperationKind::kLaunch; }),
      "ApplyOperation.kind: LAUNCH is for an ACCEPT");
}

TEST(Operations, BothSidesOfAConversionAreThere) {
  EXPECT_EQ(refused(Samples().apply_operation, [](auto& m) { m.consumed = {}; }),
            "ApplyOperation.consumed: is missing or empty");
  EXPECT_EQ(refused(Samples().apply_operation, [](auto& m) { m.converted = {}; }),
            "ApplyOperation.converted: is missing or empty");
}

TEST(Operations, Reports) {
  const std::string text(core::kMaxOperationTextBytes + 1, 't');
  EXPECT_EQ(refused(Samples().agent_resources, [&](auto& m) { m.operations[0].message = text; }),
            "AgentResources.operations[0].message: has 257 bytes; the limit is 256");
  EXPECT_EQ(refused(Samples().register_agent, [](auto& m) { m.operations[0].id = "a b"; }),
            "RegisterAgent.operations[0].id: the name 'a b' may only hold [A-Za-z0-9._-]");
  EXPECT_EQ(refused(Samples().agent_resources,
                    [](auto& m) {
                      m.operations.resize(core::kMaxOperationsPerAgent + 1, m.operations[0]);
                    }),
            "AgentResources.operations: has 257 items; the limit is 256");
  Raw raw;
  const RawOffset report = raw.table(field(0, kId));
  const RawOffset reports = raw.tables({report});
  EXPECT_EQ(error_of<core::AgentResources>(raw.finish(raw.table(field(1, reports)))),
            "AgentResources.operations[0].uuid: is missing");
}

TEST(Operations, AnUpdateWithoutUuidWantsNoAcknowledgement) {
  core::OperationUpdate update = Samples().operation_update;
  update.uuid = {};
  const ByteVector frame = encoded(update);
  EXPECT_LT(frame.size(), encoded(Samples().operation_update).size());
  EXPECT_EQ(decode<core::OperationUpdate>(payload_of(frame))->uuid, core::UpdateUuid{});
}

TEST(Operations, OnlyPlainScalarsAreLent) {
  const std::string error = "UpdateRevocable.resources: may only hold cpus, mem, disk and gpus";
  const auto lend = [](auto change) {
    return refused(Samples().update_revocable, [&](auto& m) { change(m.resources); });
  };
  EXPECT_EQ(lend([](auto& r) { r.ports = *core::PortSet::from_ranges({{1, 2}}); }), error);
  EXPECT_EQ(lend([](auto& r) { r.lots = reserved_memory().lots; }), error);
  EXPECT_EQ(lend([](auto& r) { r.custom = tagged_resources().custom; }), error);
  EXPECT_EQ(lend([](auto& r) { r.cpus = -1; }), "UpdateRevocable.resources: cpus is negative");
}

TEST(Usage, NumbersAreBounded) {
  const auto told = [](auto change) { return refused(Samples().usage_report, change); };
  EXPECT_EQ(told([](auto& m) { m.machine.memory_used_bytes = m.machine.memory_bytes + 1; }),
            "UsageReport.machine.memory_bytes: is less than what is used of it");
  EXPECT_EQ(told([](auto& m) { m.machine.disk_bytes = core::kMaxMachineBytes + 1; }),
            "UsageReport.machine.disk_bytes: is absurd");
  EXPECT_EQ(told([](auto& m) { m.machine.io_pressure = 10'001; }),
            "UsageReport.machine.io_pressure: is no percentage");
  EXPECT_EQ(told([](auto& m) { m.machine.cpu_pressure = -2; }),
            "UsageReport.machine.cpu_pressure: is no percentage");
  EXPECT_EQ(told([](auto& m) { m.tasks[1].use.memory_kib = 0; }),
            "UsageReport.tasks[1].memory_kib: is missing or zero");
  EXPECT_EQ(told([](auto& m) { m.tasks.resize(core::kMaxTaskUses + 1, m.tasks[0]); }),
            "UsageReport.tasks: has 257 items; the limit is 256");
}

TEST(Usage, APartOfARegistrationHoldsTasks) {
  EXPECT_EQ(refused(Samples().task_reports, [](auto& m) { m.tasks.clear(); }),
            "TaskReports.tasks: are missing or empty");
  EXPECT_EQ(refused(Samples().task_reports, [](auto& m) { m.tasks[0].framework = {}; }),
            "TaskReports.tasks[0].framework: is missing or zero");
}

TEST(Explanations, CausesOfANewerMasterAreLeftOut) {
  Raw raw;
  const RawOffset counts = raw.numbers(std::vector<std::uint32_t>(20, 7));
  const auto more = decode<core::Explanation>(raw.finish(raw.table(field(8, counts))));
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_EQ(more->counts.back(), 7u);
  Raw old;
  const RawOffset few = old.numbers(std::vector<std::uint32_t>(2, 7));
  const auto fewer = decode<core::Explanation>(old.finish(old.table(field(8, few))));
  ASSERT_TRUE(fewer.ok()) << fewer.status();
  EXPECT_EQ(fewer->counts[1], 7u);
  EXPECT_EQ(fewer->counts[2], 0u);
  Raw hostile;
  const RawOffset many = hostile.numbers(std::vector<std::uint32_t>(300, 7));
  EXPECT_EQ(error_of<core::Explanation>(hostile.finish(hostile.table(field(8, many)))),
            "Explanation.counts: has 300 items; the limit is 256");
}

}  // namespace
}  // namespace shoal::wire
