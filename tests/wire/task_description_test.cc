#include "wire/task_description.h"

#include <gtest/gtest.h>

#include "tests/wire/raw.h"

namespace shoal::wire {
namespace {

std::string refused(const TaskDescription& task) {
  const auto bytes = encode_task_description(task);
  return bytes.ok() ? "" : std::string(core::message_of(bytes.status()));
}

template <typename... Fields>
std::string refused_raw(Raw& raw, const Fields&... fields) {
  const auto task = decode_task_description(raw.finish(raw.table(fields...)));
  return task.ok() ? "" : std::string(core::message_of(task.status()));
}

TEST(TaskDescriptionTest, RoundTripAtAnyAlignment) {
  const TaskDescription sample = sample_description();
  const std::vector<std::uint8_t> bytes = *encode_task_description(sample);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const AlignedBytes moved(bytes, shift);
    const auto back = decode_task_description(moved.view());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_TRUE(same(*back, sample));
  }
}

TEST(TaskDescriptionTest, ArgumentsMayHoldAnyByteButNul) {
  TaskDescription task;
  task.command = "printf";
  task.arguments = {"\x1b[1m", "\xff\xfe", "a\nb", ""};
  const auto back = decode_task_description(*encode_task_description(task));
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(same(*back, task));
}

TEST(TaskDescriptionTest, WhatATaskMayAskForTravels) {
  TaskDescription task = sample_description();
  task.max_completion_ms = 90'000;
  task.read_only_paths = {"/", "/srv/data with blanks"};
  task.network = TaskNetwork::kNone;
  const std::vector<std::uint8_t> bytes = *encode_task_description(task);
  const auto back = decode_task_description(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(same(*back, task));
  const auto* table = flatbuffers::GetRoot<flatbuffers::Table>(bytes.data());
  EXPECT_EQ(table->GetField<std::int64_t>(flatbuffers::FieldIndexToOffset(7), -1), 90'000);
  EXPECT_EQ(table->GetField<std::uint8_t>(flatbuffers::FieldIndexToOffset(9), 0), 1);
}

TEST(TaskDescriptionTest, BoundsOfWhatATaskMayAskFor) {
  TaskDescription task;
  task.command = "true";
  task.read_only_paths.assign(32, "/srv");
  EXPECT_EQ(refused(task), "");
  task.read_only_paths.emplace_back("/srv");
  EXPECT_EQ(refused(task), "TaskDescription.read_only_paths: has 33 items; the limit is 32");
  for (const std::string& bad : {std::string("srv"), std::string(), std::string(4096, '/')}) {
    task.read_only_paths = {bad};
    EXPECT_EQ(refused(task),
              "TaskDescription.read_only_paths: one is not absolute, or has more than 4095 bytes");
  }
  Raw network;
  const RawOffset command = network.text("true");
  EXPECT_NE(refused_raw(network, field(1, command), field(9, std::uint8_t{2})), "");
  Raw relative;
  const RawOffset paths = relative.tables({relative.text("srv")});
  const RawOffset other = relative.text("true");
  EXPECT_NE(refused_raw(relative, field(1, other), field(8, paths)), "");
  Raw years;
  const RawOffset third = years.text("true");
  EXPECT_NE(refused_raw(years, field(1, third), field(7, std::int64_t{1} << 60)), "");
}

TEST(TaskDescriptionTest, SenderIsToldWhatIsWrong) {
  TaskDescription task;
  EXPECT_EQ(refused(task), "TaskDescription.command: is empty");
  task.command = "true";
  EXPECT_EQ(refused(task), "");
  task.shell = true;
  task.arguments = {"x"};
  EXPECT_EQ(refused(task), "TaskDescription.arguments: stand beside a shell command");
  task.shell = false;
  task.user = std::string(257, 'u');
  task.arguments.clear();
  EXPECT_EQ(refused(task), "TaskDescription.user: has 257 bytes; the limit is 256");
  task.user.clear();
  task.arguments = {std::string("a\0b", 3)};
  EXPECT_EQ(refused(task), "TaskDescription: a text holds a NUL");
  task.arguments.assign(core::kMaxArguments + 1, "x");
  EXPECT_EQ(refused(task), "TaskDescription.arguments: has 4097 items; the limit is 4096");
  task.arguments.clear();
  task.environment = {{"A=B", "c"}};
  EXPECT_EQ(refused(task), "TaskDescription.environment: a name is empty or holds '='");
  task.environment.assign(2049, {"A", "b"});
  EXPECT_EQ(refused(task), "TaskDescription.environment: has 2049 items; the limit is 2048");
  task.environment.pop_back();
  EXPECT_EQ(refused(task), "");
  EXPECT_TRUE(decode_task_description(*encode_task_description(task)).ok());
  task.environment.clear();
  task.command.assign(core::kMaxTaskDescriptionBytes, 'x');
  EXPECT_NE(refused(task), "");
}

TEST(TaskDescriptionTest, ReceiverChecksTheSame) {
  Raw a;
  EXPECT_EQ(refused_raw(a), "TaskDescription.command: is empty");
  Raw b;
  EXPECT_EQ(refused_raw(b, field(1, b.text(std::string_view("a\0b", 3)))),
            "TaskDescription.command: holds a NUL");
  Raw c;
  const RawOffset command = c.text("echo");
  const RawOffset argument = c.tables({c.text("x")});
  EXPECT_EQ(refused_raw(c, field(0, std::uint8_t{1}), field(1, command), field(2, argument)),
            "TaskDescription.arguments: stand beside a shell command");
  Raw d;
  const RawOffset variable = d.table(field(0, d.text("A=B")));
  const RawOffset d_command = d.text("echo");
  EXPECT_EQ(refused_raw(d, field(1, d_command), field(3, d.tables({variable}))),
            "TaskDescription.environment: a name is empty or holds '='");
  EXPECT_FALSE(decode_task_description({}).ok());
  EXPECT_FALSE(decode_task_description(ByteVector(core::kMaxTaskDescriptionBytes + 8)).ok());
}

TEST(TaskDescriptionTest, OneArgumentSharedManyTimes) {
  Raw raw;
  const RawOffset text = raw.text(std::string(10'000, 'x'));
  const RawOffset command = raw.text("echo");
  const std::string error = refused_raw(raw, field(1, command), field(2, raw.repeat(4000, text)));
  EXPECT_NE(error.find("describes more than 8 times its size"), std::string::npos) << error;
}

TEST(TaskDescriptionTest, EveryByteChangedOrCut) {
  const std::vector<std::uint8_t> bytes = *encode_task_description(sample_description());
  AlignedBytes copy(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const AlignedBytes cut(Bytes(bytes).first(i));
    (void)decode_task_description(cut.view());
    for (const int change : {0x01, 0x04, 0x80, 0xff}) {
      copy[i] = static_cast<std::uint8_t>(bytes[i] ^ change);
      const auto task = decode_task_description(copy.view());
      if (task.ok()) {
        EXPECT_TRUE(encode_task_description(*task).ok());
      }
    }
    copy[i] = bytes[i];
  }
}

}  // namespace
}  // namespace shoal::wire
