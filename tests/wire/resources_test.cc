// Resources with lots and custom resources: what comes back, what is refused, what it weighs.
#include "core/resources.h"

#include <gtest/gtest.h>

#include "core/frame_cost.h"
#include "tests/wire/raw.h"
#include "wire/agent_generated.h"

namespace shoal::wire {
namespace {

// Explain is the smallest message that takes any resources.
std::string refused_resources(Raw& raw, RawOffset resources) {
  return error_of<core::Explain>(raw.finish(raw.table(field(2, resources))));
}

std::string refused_lot(Raw& raw, RawOffset lot) {
  return refused_resources(raw, raw.table(field(6, raw.tables({lot}))));
}

RawOffset one_cpu(Raw& raw) { return raw.table(field(0, std::int64_t{1000})); }

core::Resources through(const core::Resources& resources) {
  core::Explain message;
  message.resources = resources;
  const ByteVector frame = encoded(message);
  const auto back = decode<core::Explain>(payload_of(frame));
  EXPECT_TRUE(back.ok()) << back.status();
  return back.ok() ? back->resources : core::Resources();
}

TEST(ResourcesOnTheWire, EverySortOfLotComesBack) {
  EXPECT_EQ(through(tagged_resources()), tagged_resources());
  EXPECT_EQ(through(reserved_memory()), reserved_memory());
  core::Resources custom;
  custom.custom = tagged_resources().custom;
  EXPECT_EQ(through(custom), custom);
}

TEST(ResourcesOnTheWire, WithoutTagsNothingIsAdded) {
  core::Explain message;
  message.resources = sample_resources();
  const std::size_t plain = encoded(message).size();
  message.resources.lots = reserved_memory().lots;
  EXPECT_GT(encoded(message).size(), plain + 100);
  EXPECT_EQ(core::frame_cost(sample_resources()).tables, 1u);
}

TEST(ResourcesOnTheWire, LotsOfLotsAreRefused) {
  Raw raw;
  const RawOffset inner = raw.table(field(4, std::uint8_t{1}), field(5, one_cpu(raw)));
  const RawOffset inner_lots = raw.tables({inner});
  const RawOffset amounts = raw.table(field(0, std::int64_t{1}), field(6, inner_lots));
  const RawOffset lot = raw.table(field(4, std::uint8_t{1}), field(5, amounts));
  EXPECT_EQ(refused_lot(raw, lot), "Explain.resources.lots[0].amounts.lots: stand inside a lot");
}

TEST(ResourcesOnTheWire, EmptyAndRepeatedLotsAreRefused) {
  Raw missing;
  EXPECT_EQ(refused_lot(missing, missing.table(field(4, std::uint8_t{1}))),
            "Explain.resources.lots[0].amounts: is missing");
  Raw empty;
  const RawOffset nothing = empty.table(field(0, std::int64_t{0}));
  EXPECT_EQ(refused_lot(empty, empty.table(field(4, std::uint8_t{1}), field(5, nothing))),
            "Explain.resources.lots[0].amounts: are empty");
  Raw twice;
  const RawOffset lot = twice.table(field(4, std::uint8_t{1}), field(5, one_cpu(twice)));
  EXPECT_EQ(refused_resources(twice, twice.table(field(6, twice.tables({lot, lot})))),
            "Explain.resources.lots[1]: has the tags of an earlier one");
}

TEST(ResourcesOnTheWire, FaultsAreNamedByTheirPlace) {
  Raw negative;
  const RawOffset amounts = negative.table(field(0, std::int64_t{-1}));
  EXPECT_EQ(refused_lot(negative, negative.table(field(4, std::uint8_t{1}), field(5, amounts))),
            "Explain.resources.lots[0].amounts: cpus is negative");
  Raw kind;
  EXPECT_EQ(refused_lot(kind, kind.table(field(2, std::uint8_t{3}), field(5, one_cpu(kind)))),
            "Explain.resources.lots[0].disk_kind: 3 is not a known value");
  Raw role;
  const RawOffset reservations = role.tables({role.table(field(1, std::uint8_t{1}))});
  EXPECT_EQ(refused_lot(role, role.table(field(0, reservations), field(5, one_cpu(role)))),
            "Explain.resources.lots[0].reservations[0].role: a role is empty; the default role is "
            "'*'");
  Raw volume;
  const RawOffset nameless = volume.table(field(3, std::uint8_t{1}));
  EXPECT_EQ(refused_lot(volume, volume.table(field(1, nameless), field(5, one_cpu(volume)))),
            "Explain.resources.lots[0].volume.id: the name is empty");
}

// What makes tags sound is asked by core::check_resources(), of every Resources that is read.
TEST(ResourcesOnTheWire, TagsAreSound) {
  Raw plain;
  EXPECT_NE(refused_lot(plain, plain.table(field(5, one_cpu(plain)))), "");
  Raw stack;
  const RawOffset eng = stack.table(field(0, stack.text("eng")));
  const RawOffset ads = stack.table(field(0, stack.text("ads")));
  const RawOffset reservations = stack.tables({eng, ads});
  EXPECT_NE(refused_lot(stack, stack.table(field(0, reservations), field(5, one_cpu(stack)))), "");
  EXPECT_NE(refused(Samples().register_agent,
                    [](auto& m) {
                      core::LotTags tags;
                      tags.reservations = {{"eng", false, {}, {}}};
                      tags.revocable = true;
                      m.resources = {};
                      core::Amounts amounts;
                      amounts.cpus = 1;
                      m.resources.lots.add(std::make_shared<const core::LotTags>(tags), amounts);
                    }),
            "");
}

TEST(ResourcesOnTheWire, ListsAreBounded) {
  Raw labels;
  const RawOffset label = labels.table(field(0, labels.text("a")));
  const RawOffset reservation =
      labels.table(field(0, labels.text("eng")),
                   field(3, labels.repeat(core::kMaxReservationLabels + 1, label)));
  const RawOffset reservations = labels.tables({reservation});
  EXPECT_EQ(refused_lot(labels, labels.table(field(0, reservations), field(5, one_cpu(labels)))),
            "Explain.resources.lots[0].reservations[0].labels: has 17 items; the limit is 16");
  Raw deep;
  const RawOffset step = deep.table(field(0, deep.text("eng")));
  const RawOffset stack = deep.repeat(core::kMaxReservationDepth + 1, step);
  EXPECT_EQ(refused_lot(deep, deep.table(field(0, stack), field(5, one_cpu(deep)))),
            "Explain.resources.lots[0].reservations: has 9 items; the limit is 8");
  Raw lots;
  const RawOffset lot = lots.table(field(4, std::uint8_t{1}), field(5, one_cpu(lots)));
  (void)lots.text(std::string(4096, 'x'));
  EXPECT_EQ(refused_resources(lots, lots.table(field(6, lots.repeat(core::kMaxLots + 1, lot)))),
            "Explain.resources.lots: has 257 items; the limit is 256");
}

std::string refused_custom(Raw& raw, RawOffset custom) {
  return refused_resources(raw, raw.table(field(5, raw.tables({custom}))));
}

TEST(ResourcesOnTheWire, CustomResourcesHaveOneValue) {
  const std::string error =
      "Explain.resources.custom[0]: must have one of scalar, ranges and items";
  Raw none;
  EXPECT_EQ(refused_custom(none, none.table(field(0, none.text("bays")))), error);
  Raw two;
  const RawOffset name = two.text("bays");
  const RawOffset items = two.text("left");
  EXPECT_EQ(
      refused_custom(two, two.table(field(0, name), field(1, std::int64_t{1000}), field(3, items))),
      error);
  Raw nameless;
  EXPECT_EQ(refused_custom(nameless, nameless.table(field(1, std::int64_t{1000}))),
            "Explain.resources.custom[0].name: the name is empty");
  Raw negative;
  const RawOffset licenses = negative.text("licenses");
  EXPECT_EQ(
      refused_custom(negative, negative.table(field(0, licenses), field(1, std::int64_t{-1000}))),
      "Explain.resources: licenses is negative");
}

TEST(ResourcesOnTheWire, ItemsOfASetAreJoined) {
  const auto items = [](std::string_view joined) {
    Raw raw;
    const RawOffset name = raw.text("bays");
    const RawOffset text = raw.text(joined);
    return refused_custom(raw, raw.table(field(0, name), field(3, text)));
  };
  EXPECT_EQ(items("left\x1fright, upper\x1fwith\nbreak"), "");
  EXPECT_EQ(items("left\x1f\x1fright"), "Explain.resources.custom[0].items: holds an empty item");
  EXPECT_EQ(items("left\x1f"), "Explain.resources.custom[0].items: holds an empty item");
  EXPECT_EQ(items("\x1fleft"), "Explain.resources.custom[0].items: holds an empty item");
  EXPECT_EQ(items("left\x1b"), "Explain.resources.custom[0].items: not clean UTF-8 text");
  EXPECT_EQ(items("left\x1fleft"), "Explain.resources: bays: the item 'left' is named twice");
  std::string many = "0";
  for (std::size_t i = 1; i <= core::kMaxCustomItems; ++i) many += fmt::format("\x1f{}", i);
  EXPECT_EQ(items(many), "Explain.resources.custom[0].items: are too many");
}

// As VectorWhoseElementsAreMisaligned in hostile_test.cc: the verifier does not see it.
TEST(ResourcesOnTheWire, CustomRangesAreAligned) {
  int misaligned = 0;
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Raw raw;
    (void)raw.text(std::string(40, 'x'));  // room for what the reader takes for numbers
    const RawOffset ranges = raw.numbers(std::vector<std::uint32_t>{1});
    const RawOffset name = raw.text(std::string(1 + shift, 'i'));
    const std::string error = refused_custom(raw, raw.table(field(0, name), field(2, ranges)));
    EXPECT_NE(error, "Explain: not a well-formed FlatBuffer");
    if (error == "Explain.resources.custom[0].ranges: is not aligned") ++misaligned;
  }
  EXPECT_GT(misaligned, 0);
  EXPECT_LT(misaligned, 8);
}

// --- what they weigh ---

std::size_t tables_in(Bytes payload) {
  for (flatbuffers::uoffset_t most = 1; most < core::kMaxMessageTables; ++most) {
    flatbuffers::Verifier verifier(payload.data(), payload.size(), core::kMaxMessageDepth, most);
    if (verifier.VerifyBuffer<fb::AgentResources>(nullptr)) return most;
  }
  return 0;
}

void expect_cost(const core::Resources& resources) {
  core::AgentResources message;
  message.resources = resources;
  const ByteVector frame = encoded(message);
  const core::FrameCost cost = core::frame_cost(resources);
  EXPECT_EQ(tables_in(payload_of(frame)), 1 + cost.tables);
  // Beside them: where the root is, the root and its vtable, the vtable of Resources, padding.
  EXPECT_LE(payload_of(frame).size(), cost.bytes + 64);
  EXPECT_GE(payload_of(frame).size() * 2, cost.bytes);
}

core::LotTags reserved_for(std::string role) {
  core::LotTags tags;
  std::string principal(role.size(), 'p');
  tags.reservations = {{std::move(role), true, std::move(principal), {}}};
  return tags;
}

// `count` lots of different roles, each role and principal `role_bytes` long.
core::Resources many_lots(std::size_t count, std::size_t role_bytes) {
  core::Resources resources;
  core::Amounts amounts;
  amounts.cpus = 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::string role = std::to_string(i);
    role.insert(0, role_bytes - role.size(), 'r');
    resources.lots.add(std::make_shared<const core::LotTags>(reserved_for(role)), amounts);
  }
  return resources;
}

TEST(FrameCost, IsWhatTheEncodingNeedsAtMost) {
  EXPECT_EQ(core::frame_cost({}), core::FrameCost());
  expect_cost(sample_resources());
  expect_cost(tagged_resources());
  expect_cost(reserved_memory());
  expect_cost(many_lots(core::kMaxLots, 3));
  expect_cost(many_lots(100, 60));
  core::Resources ranges = tagged_resources();
  std::vector<core::CustomRange> many;
  for (std::uint64_t i = 0; i < core::kMaxCustomItems; ++i) many.push_back({3 * i, 3 * i + 1});
  std::vector<std::string> items;
  for (std::uint64_t i = 0; i < core::kMaxCustomItems; ++i) items.push_back(std::to_string(i));
  ASSERT_TRUE(
      core::CustomResources::make({{"a-range", many}, {"a-set", items}}, &ranges.custom).ok());
  expect_cost(ranges);
}

TEST(FrameCost, ResourcesBeyondItAreRefused) {
  core::AgentResources message;
  message.resources = many_lots(core::kMaxLots, 60);
  EXPECT_TRUE(core::frame_cost(message.resources).within(core::kMaxResourceCost));
  EXPECT_EQ(error_of<core::AgentResources>(payload_of(encoded(message))), "");
  message.resources = many_lots(core::kMaxLots, core::kMaxRoleBytes);
  EXPECT_FALSE(core::frame_cost(message.resources).within(core::kMaxResourceCost));
  EXPECT_EQ(error_of<core::AgentResources>(payload_of(encoded(message))),
            "AgentResources.resources: have too many tags and parts for one message");
}

// Everything that a RegisterAgent may hold, each at its bound, in one frame.
TEST(FrameCost, TheLargestRegistrationFits) {
  core::RegisterAgent agent;
  agent.incarnation = 1;
  agent.hostname = "h";
  agent.resources = many_lots(core::kMaxLots, 200);
  while (!core::frame_cost(agent.resources).within(core::kMaxResourceCost)) {
    const core::Lot last = *(agent.resources.lots.end() - 1);
    agent.resources.lots.subtract(*last.tags, last.amounts);
  }
  const std::string value(core::kMaxAttributesBytes / core::kMaxAttributes - 8, 'v');
  for (std::size_t i = 0; i < core::kMaxAttributes; ++i) agent.attributes.push_back({"a", value});
  const std::string id(core::kMaxIdBytes, 'i');
  const std::string name(core::kMaxTaskNameBytes, 'n');
  const std::string why(core::kMaxOperationTextBytes, 'w');
  agent.operations.resize(core::kMaxOperationsPerAgent,
                          {{1}, id, {1}, core::OperationState::kFailed, why});
  std::vector<std::string> roles;
  for (std::size_t i = 0; i < core::kMaxTaskReports; ++i) {
    roles.push_back(std::string(core::kMaxRoleBytes - 4, 'r') + std::to_string(1000 + i % 1000));
  }
  core::FrameCost reports;
  for (const std::string& role : roles) {
    core::TaskReport report{{1}, id, name, many_lots(2, 3), core::TaskState::kRunning, role};
    reports += core::task_report_cost(id, name, role, report.resources);
    if (!reports.within(core::kMaxTaskReportsCost)) break;
    agent.tasks.push_back(std::move(report));
  }
  EXPECT_GT(agent.tasks.size(), 500u);
  const ByteVector frame = encoded(agent);
  EXPECT_LE(frame.size() - core::kFrameHeaderBytes, core::kMaxFrameBytes);
  const auto back = decode<core::RegisterAgent>(payload_of(frame));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(same(*back, agent));
}

}  // namespace
}  // namespace shoal::wire
