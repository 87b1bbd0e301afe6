// The bytes of every message are pinned by tests/golden/<message>.hex: a change of the format
// breaks this test before it breaks a cluster. SHOAL_UPDATE_GOLDEN=1 writes the files, and the
// seeds of the fuzz targets with them; look at the difference before committing it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/status.h"
#include "core/text.h"
#include "tests/wire/samples.h"

namespace shoal::wire {
namespace {

namespace fs = std::filesystem;

bool updating() { return std::getenv("SHOAL_UPDATE_GOLDEN") != nullptr; }

std::string file_name(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return out;
}

fs::path golden_path(std::string_view name) {
  return fs::path(SHOAL_SOURCE_DIR) / "tests/golden" / (file_name(name) + ".hex");
}

std::string to_hex(Bytes bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += fmt::format("{:02x}{}", bytes[i], i % 16 == 15 || i + 1 == bytes.size() ? "\n" : " ");
  }
  return out;
}

std::string read_text(const fs::path& path) {
  std::ifstream stream(path);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

ByteVector from_hex(const std::string& text) {
  ByteVector out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 3) {
    out.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return out;
}

void write_bytes(const fs::path& path, Bytes bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

void write_seed(std::string_view target, std::string_view name, Bytes bytes) {
  write_bytes(fs::path(SHOAL_SOURCE_DIR) / "tests/fuzz/corpus" / target / file_name(name), bytes);
}

void expect_golden(std::string_view name, Bytes bytes) {
  const std::string hex = to_hex(bytes);
  if (updating()) {
    write_bytes(golden_path(name),
                Bytes(reinterpret_cast<const std::uint8_t*>(hex.data()), hex.size()));
  }
  EXPECT_EQ(read_text(golden_path(name)), hex) << "the bytes of " << name << " have changed";
}

TEST(Golden, FramesAreUnchanged) {
  const Samples samples;
  ByteVector stream;
  samples.each([&](MessageKind kind, const auto& message) {
    SCOPED_TRACE(name_of(kind));
    const ByteVector frame = encoded(message, 0x0a0b0c0d);
    expect_golden(name_of(kind), frame);
    if (updating()) {
      // message_fuzz reads kind, then payload; frame_reader_fuzz a pattern of cuts, then bytes.
      ByteVector seed = {static_cast<std::uint8_t>(kind), 0};
      const Bytes payload = payload_of(frame);
      seed.insert(seed.end(), payload.begin(), payload.end());
      write_seed("message_fuzz", name_of(kind), seed);
      if (stream.size() < 1024) stream.insert(stream.end(), frame.begin(), frame.end());
    }
  });
  if (updating()) {
    stream.insert(stream.begin(), {3, 16, 1, 64, 7, 0, 200, 8});
    write_seed("frame_reader_fuzz", "stream", stream);
  }
}

TEST(Golden, FramesDecodeToTheSameMessages) {
  const Samples samples;
  samples.each([&](MessageKind kind, const auto& message) {
    SCOPED_TRACE(name_of(kind));
    const ByteVector frame = from_hex(read_text(golden_path(name_of(kind))));
    const auto back = decode<std::decay_t<decltype(message)>>(payload_of(frame));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_TRUE(same(*back, message));
  });
}

// Frames as version 0.1 wrote them: what it could not say has the value that it meant.
template <typename T>
absl::StatusOr<T> decode_old(std::string_view name, ByteVector& frame) {
  frame = from_hex(read_text(fs::path(SHOAL_SOURCE_DIR) / "tests/golden/0.1" / name));
  return decode<T>(payload_of(frame));
}

TEST(Golden, FramesOfVersion01) {
  ByteVector frame;
  const auto subscribe = decode_old<core::Subscribe>("subscribe.hex", frame);
  ASSERT_TRUE(subscribe.ok()) << subscribe.status();
  EXPECT_EQ(subscribe->roles, core::RoleViews{"research"});
  EXPECT_TRUE(subscribe->suppressed_roles.empty());
  EXPECT_EQ(subscribe->capabilities, core::Capabilities());
  EXPECT_TRUE(subscribe->capabilities.has(core::Capability::kPartitionAware));
  const auto agent = decode_old<core::RegisterAgent>("register_agent.hex", frame);
  ASSERT_TRUE(agent.ok()) << agent.status();
  EXPECT_EQ(agent->resources, sample_resources());
  EXPECT_EQ(agent->tasks.size(), 2u);
  EXPECT_TRUE(agent->operations.empty());
  EXPECT_EQ(agent->capabilities, 0u);
  const auto accept = decode_old<core::Accept>("accept.hex", frame);
  ASSERT_TRUE(accept.ok()) << accept.status();
  EXPECT_EQ(accept->tasks.size(), 2u);
  EXPECT_TRUE(accept->operations.empty());
  const auto offers = decode_old<core::Offers>("offers.hex", frame);
  ASSERT_TRUE(offers.ok()) << offers.status();
  EXPECT_EQ(offers->offers[0].resources, sample_resources());
  EXPECT_EQ(offers->offers[0].role, "");
  const auto view = decode_old<core::ClusterView>("query_answer.hex", frame);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->frameworks[0].roles, std::vector<std::string>{"research"});
  EXPECT_TRUE(view->roles.empty());
  EXPECT_TRUE(decode_old<core::RunTask>("run_task.hex", frame).ok());
  const auto revive = decode_old<core::Revive>("revive.hex", frame);
  ASSERT_TRUE(revive.ok()) << revive.status();
  EXPECT_TRUE(revive->roles.empty());
  EXPECT_TRUE(decode_old<core::Suppress>("suppress.hex", frame).ok());
  const auto hello = decode_old<core::Hello>("hello.hex", frame);
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->epoch, 0u);
  const auto welcome = decode_old<core::Welcome>("welcome.hex", frame);
  ASSERT_TRUE(welcome.ok()) << welcome.status();
  EXPECT_EQ(welcome->epoch, 0u);
  const auto refusal = decode_old<core::Refusal>("refusal.hex", frame);
  ASSERT_TRUE(refusal.ok()) << refusal.status();
  EXPECT_EQ(refusal->leader, "");
}

TEST(Golden, TaskDescription) {
  const TaskDescription sample = sample_description();
  const ByteVector bytes = *encode_task_description(sample);
  expect_golden("TASK_DESCRIPTION", bytes);
  if (updating()) write_seed("task_description_fuzz", "program", bytes);
  TaskDescription shell;
  shell.shell = true;
  shell.command = "echo hello; exit 3";
  if (updating()) write_seed("task_description_fuzz", "shell", *encode_task_description(shell));
  const auto back = decode_task_description(from_hex(read_text(golden_path("TASK_DESCRIPTION"))));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(same(*back, sample));
}

}  // namespace
}  // namespace shoal::wire
