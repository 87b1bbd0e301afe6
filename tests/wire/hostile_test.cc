// Buffers that no encoder makes: cut, changed, misaligned, and built to cost more than they weigh.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#include "tests/wire/raw.h"

namespace shoal::wire {
namespace {

// Decodes; what decodes must survive being sent on. Views must point into the payload: reading all
// of them is what encode() does, and AddressSanitizer watches.
template <typename T>
void decode_and_send_on(Bytes payload) {
  const auto message = decode<T>(payload);
  if (!message.ok()) {
    EXPECT_EQ(core::message_of(message.status()).find('\n'), std::string_view::npos);
    return;
  }
  const ByteVector frame = encoded(*message);
  const auto again = decode<T>(payload_of(frame));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(same(*again, *message));
}

TEST(Hostile, CutAtEveryByte) {
  const Samples samples;
  samples.each([](MessageKind kind, const auto& message) {
    SCOPED_TRACE(name_of(kind));
    using T = std::decay_t<decltype(message)>;
    const ByteVector frame = encoded(message);
    const Bytes payload = payload_of(frame);
    for (std::size_t size = 0; size < payload.size(); ++size) {
      const AlignedBytes cut(payload.first(size));
      decode_and_send_on<T>(cut.view());
      if (size < 8) {
        EXPECT_FALSE(decode<T>(cut.view()).ok());
      }
    }
  });
}

TEST(Hostile, EveryByteChanged) {
  const Samples samples;
  samples.each([](MessageKind kind, const auto& message) {
    SCOPED_TRACE(name_of(kind));
    using T = std::decay_t<decltype(message)>;
    const ByteVector frame = encoded(message);
    AlignedBytes copy(payload_of(frame));
    for (std::size_t i = 0; i < copy.view().size(); ++i) {
      const std::uint8_t before = copy[i];
      for (const int change : {0x01, 0x04, 0x80, 0xff, 0x7f, 0x10}) {
        copy[i] = static_cast<std::uint8_t>(before ^ change);
        decode_and_send_on<T>(copy.view());
      }
      copy[i] = before;
    }
  });
}

TEST(Hostile, EveryMessageAsEveryOther) {
  const Samples samples;
  samples.each([&](MessageKind, const auto& message) {
    const ByteVector frame = encoded(message);
    samples.each([&](MessageKind, const auto& other) {
      decode_and_send_on<std::decay_t<decltype(other)>>(payload_of(frame));
    });
  });
}

TEST(Hostile, MisalignedPayloadIsRefused) {
  const ByteVector frame = encoded(core::Heartbeat{1});
  for (std::size_t shift = 1; shift < 8; ++shift) {
    const AlignedBytes moved(payload_of(frame), shift);
    EXPECT_EQ(error_of<core::Heartbeat>(moved.view()),
              "Heartbeat: the payload is not at an 8-byte boundary");
  }
}

TEST(Hostile, TinyAndOversizedPayloads) {
  EXPECT_EQ(error_of<core::Revive>({}), "Revive: a payload of 0 bytes is out of bounds");
  const ByteVector zeros(core::kMaxFrameBytes + 8, 0);
  EXPECT_EQ(error_of<core::Revive>(zeros), "Revive: a payload of 1048584 bytes is out of bounds");
  EXPECT_EQ(error_of<core::Revive>(Bytes(zeros).first(8)), "Revive: not a well-formed FlatBuffer");
}

// Found by fuzzing: the verifier accepts eight-byte numbers at an address that is a multiple of 4.
TEST(Hostile, VectorWhoseElementsAreMisaligned) {
  std::vector<std::string> errors;
  for (const bool shifted : {false, true}) {
    Raw raw;
    (void)raw.text(std::string(40, 'x'));  // room for what the reader takes for numbers
    const RawOffset offers = raw.numbers(std::vector<std::uint32_t>{1, 2, 3});
    const std::uint32_t unknown = 1;
    const RawOffset root = shifted
                               ? raw.table(field(0, offers), field(3, unknown))
                               : raw.table(field(0, offers), field(1, unknown), field(3, unknown));
    errors.push_back(error_of<core::Rescind>(raw.finish(root)));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_EQ(errors, (std::vector<std::string>{"", "Rescind.offers: is not aligned"}));
}

TEST(Hostile, RootOffsetOutOfRangeOrIntoItself) {
  const ByteVector frame = encoded(core::Heartbeat{1});
  AlignedBytes copy(payload_of(frame));
  for (const std::uint32_t root : {0u, 1u, 2u, 3u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    for (std::size_t i = 0; i < 4; ++i) copy[i] = static_cast<std::uint8_t>(root >> (8 * i));
    EXPECT_NE(error_of<core::Heartbeat>(copy.view()), "");
  }
}

// --- cost ---

std::chrono::nanoseconds thread_cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Processor time, and the least of a few runs: a busy machine must not fail the test.
template <typename T>
std::chrono::microseconds cost(Bytes payload, std::string* error) {
  auto least = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    const std::chrono::nanoseconds start = thread_cpu_time();
    *error = error_of<T>(payload);
    least = std::min(least, thread_cpu_time() - start);
  }
  return std::chrono::duration_cast<std::chrono::microseconds>(least);
}

// Far above what it takes (tens of microseconds when optimised), far below what it must not take.
constexpr std::chrono::microseconds kLittle{200'000};

TEST(Hostile, OneTableNamedByAVectorManyTimes) {
  Raw raw;
  const RawOffset task = raw.table(field(0, std::uint64_t{1}), field(1, raw.text("t")));
  const ByteVector bytes =
      raw.finish(raw.table(field(0, std::uint64_t{1}), field(5, raw.repeat(200'000, task))));
  std::string error;
  EXPECT_LT(cost<core::RegisterAgent>(bytes, &error), kLittle);
  EXPECT_EQ(error, "RegisterAgent: not a well-formed FlatBuffer");
}

TEST(Hostile, SharedVectorsOfSharedTables) {
  // 60 offers that share one vector of 60 pointers to one attribute: 3,600 attributes in 1 KiB.
  Raw raw;
  const RawOffset attribute = raw.table(field(0, raw.text("rack")), field(1, raw.text("r1")));
  const RawOffset attributes = raw.repeat(60, attribute);
  const RawOffset offer =
      raw.table(field(0, std::uint64_t{1}), field(1, std::uint64_t{1}), field(5, attributes));
  const ByteVector bytes = raw.finish(raw.table(field(0, raw.repeat(60, offer))));
  std::string error;
  EXPECT_LT(cost<core::Offers>(bytes, &error), kLittle);
  EXPECT_EQ(error, "Offers: not a well-formed FlatBuffer");
}

// The verifier walks no further than an honest message of the same size asks it to; the reader
// refuses what gets past it. Every list of the vocabulary, shared by as many tables as there may
// be.
template <typename T>
void expect_cheap(Raw& raw, RawOffset root) {
  std::string error;
  EXPECT_LT(cost<T>(raw.finish(root), &error), kLittle);
  EXPECT_TRUE(error.find("not a well-formed FlatBuffer") != std::string::npos ||
              error.find("describes more than 8 times its size") != std::string::npos)
      << error;
}

TEST(Hostile, LotsWithinLots) {
  Raw raw;
  RawOffset amounts = raw.table(field(0, std::int64_t{1}));
  for (int depth = 0; depth < 7; ++depth) {
    const RawOffset lot = raw.table(field(4, std::uint8_t{1}), field(5, amounts));
    amounts = raw.table(field(6, raw.repeat(100, lot)));
  }
  expect_cheap<core::Explain>(raw, raw.table(field(2, amounts)));
}

TEST(Hostile, OneLotManyTimes) {
  for (const std::size_t padding : {0u, 100'000u}) {
    Raw raw;
    (void)raw.text(std::string(padding, 'x'));
    const RawOffset label = raw.table(field(0, raw.text("a")), field(1, raw.text("b")));
    const RawOffset reservation =
        raw.table(field(0, raw.text("eng")), field(3, raw.repeat(16, label)));
    const RawOffset amounts = raw.table(field(0, std::int64_t{1}));
    const RawOffset lot = raw.table(field(0, raw.repeat(8, reservation)), field(5, amounts));
    const RawOffset resources = raw.table(field(6, raw.repeat(256, lot)));
    expect_cheap<core::Explain>(raw, raw.table(field(2, resources)));
  }
}

TEST(Hostile, OneCustomResourceManyTimes) {
  Raw raw;
  std::string items = "0";
  for (int i = 1; i < 1000; ++i) items += fmt::format("\x1f{}", i);
  const RawOffset joined = raw.text(items);
  const RawOffset custom = raw.table(field(0, raw.text("bays")), field(3, joined));
  const RawOffset amounts = raw.table(field(5, raw.repeat(64, custom)));
  const RawOffset lot = raw.table(field(4, std::uint8_t{1}), field(5, amounts));
  const RawOffset resources = raw.table(field(6, raw.repeat(256, lot)));
  expect_cheap<core::Explain>(raw, raw.table(field(2, resources)));
}

// Ports of a hundred lots that do not overlap: what compares them all must not compare each pair.
TEST(Hostile, PortsOfManyLots) {
  Raw raw;
  std::vector<RawOffset> lots;
  for (std::uint32_t i = 0; i < 100; ++i) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    for (std::uint32_t k = 0; k < 100; ++k) ranges.emplace_back(i * 2 + k * 400, i * 2 + k * 400);
    const RawOffset amounts = raw.table(field(4, raw.pairs(ranges)));
    const RawOffset reservation = raw.table(field(0, raw.text(fmt::format("r{}", i))));
    const RawOffset reservations = raw.tables({reservation});
    lots.push_back(raw.table(field(0, reservations), field(5, amounts)));
  }
  const RawOffset resources = raw.table(field(6, raw.tables(lots)));
  std::string error;
  EXPECT_LT(cost<core::Explain>(raw.finish(raw.table(field(2, resources))), &error), kLittle);
  EXPECT_EQ(error, "");
}

TEST(Hostile, OneConstraintManyTimes) {
  Raw raw;
  const RawOffset role = raw.text(std::string(250, 'r'));
  const RawOffset value = raw.text(std::string(1000, 'v'));
  const RawOffset constraint = raw.table(field(0, role), field(3, raw.text("rack")),
                                         field(4, std::uint8_t{2}), field(5, value));
  const RawOffset constraints = raw.repeat(256, constraint);
  expect_cheap<core::Subscribe>(raw, raw.table(field(2, role), field(8, constraints)));
  Raw more;
  const RawOffset other = more.table(field(0, more.text("r")));
  const RawOffset many = more.repeat(200'000, other);
  expect_cheap<core::Subscribe>(more, more.table(field(8, many)));
}

TEST(Hostile, OneRoleManyTimes) {
  Raw raw;
  const RawOffset role = raw.text(std::string(250, 'r'));
  expect_cheap<core::Revive>(raw, raw.table(field(0, raw.repeat(64, role))));
  Raw joined;
  std::string roles = "r0";
  for (int i = 1; i < 64; ++i) roles += fmt::format(" r{}", i);
  const RawOffset text = joined.text(roles);
  const RawOffset record =
      joined.table(field(0, std::uint64_t{1}), field(10, text), field(11, text));
  expect_cheap<core::ClusterView>(joined, joined.table(field(2, joined.repeat(2000, record))));
  Raw quota;
  const RawOffset config = quota.table(field(0, quota.text("eng")));
  expect_cheap<core::UpdateQuota>(quota, quota.table(field(0, quota.repeat(2048, config))));
}

// The longest lists that may be: roles that differ at the end only, each named by four constraints.
TEST(Hostile, SubscriptionsWithLongRoles) {
  Raw raw;
  std::vector<RawOffset> roles;
  std::vector<RawOffset> constraints;
  for (int i = 0; i < 64; ++i) {
    roles.push_back(raw.text(std::string(250, 'r') + std::to_string(100 + i)));
    const RawOffset constraint = raw.table(field(0, roles.back()), field(2, std::uint8_t{1}));
    constraints.insert(constraints.end(), 4, constraint);
  }
  const RawOffset all = raw.tables(roles);
  const RawOffset listed = raw.tables(constraints);
  std::string error;
  EXPECT_LT(cost<core::Subscribe>(
                raw.finish(raw.table(field(4, all), field(5, all), field(8, listed))), &error),
            kLittle);
  EXPECT_EQ(error, "");
}

TEST(Hostile, OneLongTextSharedByManyTables) {
  Raw raw;
  const RawOffset text = raw.text(std::string(4000, 'x'));
  std::vector<RawOffset> offers;
  for (int i = 0; i < 1000; ++i) {
    offers.push_back(raw.table(field(0, std::uint64_t{1}), field(1, std::uint64_t{1}),
                               field(2, text), field(3, text)));
  }
  const ByteVector bytes = raw.finish(raw.table(field(0, raw.tables(offers))));
  EXPECT_NE(error_of<core::Offers>(bytes).find("describes more than 8 times its size"),
            std::string::npos);
}

TEST(Hostile, OneDescriptionSharedByManyTasks) {
  Raw raw;
  const RawOffset description = raw.numbers(std::vector<std::uint8_t>(200'000, 1));
  std::vector<RawOffset> tasks;
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(raw.table(field(0, raw.text("t")), field(3, description)));
  }
  const ByteVector bytes = raw.finish(raw.table(field(1, raw.tables(tasks))));
  EXPECT_EQ(error_of<core::Accept>(bytes), "Accept.tasks[8]: describes more than 8 times its size");
}

TEST(Hostile, OneNameManyTimes) {
  Raw raw;
  const RawOffset name = raw.text(std::string(128, 'n'));
  const ByteVector many = raw.finish(raw.table(field(0, raw.repeat(16'000, name))));
  std::string error;
  EXPECT_LT(cost<core::Reconcile>(many, &error), kLittle);
  EXPECT_NE(error.find("describes more than 8 times its size"), std::string::npos) << error;
  Raw other;
  const RawOffset short_name = other.text("n");
  const ByteVector more = other.finish(other.table(field(0, other.repeat(200'000, short_name))));
  EXPECT_LT(cost<core::Reconcile>(more, &error), kLittle);
  EXPECT_EQ(error, "Reconcile.tasks: has 200000 items; the limit is 16384");
}

TEST(Hostile, UnknownFieldsAreIgnored) {
  // A newer sender has appended fields; whatever they hold is not looked at.
  Raw raw;
  RawOffset nested = raw.table(field(0, std::uint8_t{1}));
  for (int i = 0; i < 10'000; ++i) nested = raw.table(field(0, nested));
  const ByteVector bytes = raw.finish(raw.table(field(0, std::uint64_t{77}), field(9, nested)));
  ASSERT_TRUE(decode<core::Heartbeat>(bytes).ok());
  EXPECT_EQ(decode<core::Heartbeat>(bytes)->sequence, 77u);
}

TEST(Hostile, BytesAfterTheMessageAreIgnored) {
  const ByteVector frame = encoded(core::Heartbeat{5});
  ByteVector bytes(payload_of(frame).begin(), payload_of(frame).end());
  bytes.resize(bytes.size() + 1000, 0xee);
  EXPECT_EQ(decode<core::Heartbeat>(bytes)->sequence, 5u);
}

}  // namespace
}  // namespace shoal::wire
