#include "agent/resource_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/frame_cost.h"
#include "core/status.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;

core::AgentResources sample() {
  core::AgentResources record;
  record.resources = resources_of(
      "cpus:3.5;mem:900;disk:500;ports:[31000-31009];cpus(eng):1;"
      "mem(eng)(eng/ads,dynamic,by=alice,team=x):100;disk(ads,dynamic,by=bob)[v1:data,by=bob]:400;"
      "bays:{left,right}");
  core::OperationReport done;
  done.framework = kFramework;
  done.id = "make-v1";
  done.uuid = {1, 2, 3};
  done.state = core::OperationState::kFinished;
  core::OperationReport failed;
  failed.framework = kOtherFramework;
  failed.uuid = {4, 5, 6};
  failed.state = core::OperationState::kFailed;
  failed.message = "the disk is full";
  record.operations.push_back(done);
  record.operations.push_back(failed);
  return record;
}

std::string why_not(wire::Bytes file) {
  const auto stored = decode_stored(file);
  return stored.ok() ? "" : std::string(core::message_of(stored.status()));
}

std::string to_hex(wire::Bytes bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += fmt::format("{:02x}{}", bytes[i], i % 16 == 15 || i + 1 == bytes.size() ? "\n" : " ");
  }
  return out;
}

TEST(ResourceFile, ComesBackAsItWas) {
  const core::AgentResources record = sample();
  const auto file = encode_stored(record);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto stored = decode_stored(*file);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->resources, record.resources);
  ASSERT_EQ(stored->operations.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(stored->operations[i].framework, record.operations[i].framework);
    EXPECT_EQ(stored->operations[i].id, record.operations[i].id);
    EXPECT_EQ(stored->operations[i].uuid, record.operations[i].uuid);
    EXPECT_EQ(stored->operations[i].state, record.operations[i].state);
    EXPECT_EQ(stored->operations[i].message, record.operations[i].message);
  }
}

// Data folders outlive versions: what this file holds must be read for ever. After a change that is
// meant, SHOAL_UPDATE_GOLDEN=1 writes it anew.
TEST(ResourceFile, BytesAreUnchanged) {
  const std::string path = std::string(SHOAL_SOURCE_DIR) + "/tests/golden/stored_resources.hex";
  const std::string hex = to_hex(*encode_stored(sample()));
  if (std::getenv("SHOAL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << hex;
  std::ifstream stream(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), hex);
}

TEST(ResourceFile, EveryTruncationIsSeen) {
  const wire::ByteVector file = *encode_stored(sample());
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THAT(why_not(wire::Bytes(file).first(size)), HasSubstr("cut off after")) << size;
  }
}

TEST(ResourceFile, EveryFlippedBitIsSeen) {
  wire::ByteVector file = *encode_stored(sample());
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    file[bit / 8] = static_cast<std::uint8_t>(file[bit / 8] ^ mask);
    EXPECT_NE(why_not(file), "") << "bit " << bit;
    file[bit / 8] = static_cast<std::uint8_t>(file[bit / 8] ^ mask);
  }
  EXPECT_EQ(why_not(file), "");
}

TEST(ResourceFile, WhatIsWrongIsNamed) {
  const wire::ByteVector file = *encode_stored(sample());
  const auto with = [&](auto change) {
    wire::ByteVector changed = file;
    change(changed);
    return why_not(changed);
  };
  EXPECT_EQ(with([](auto& f) { f[2] = 9; }),
            "it was written by a newer version (9; this one knows 1)");
  EXPECT_EQ(with([](auto& f) { f[0] = 'X'; }), "it is no file of an agent's resources");
  EXPECT_EQ(with([](auto& f) { f.push_back(0); }), "it is damaged: 1 bytes follow its end");
  EXPECT_EQ(with([](auto& f) { f.back() ^= 1; }), "it is damaged: the checksum does not match");
  EXPECT_THAT(with([](auto& f) { f[8] = 1; }), HasSubstr("it is damaged"));  // the length
  // A sound file of something else.
  wire::ByteVector other;
  wire::encode(core::Heartbeat{1}, 0, other);
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : other) sum = (sum ^ byte) * 0x100000001b3u;
  for (int i = 0; i < 8; ++i) other.push_back(static_cast<std::uint8_t>(sum >> (8 * i)));
  EXPECT_EQ(why_not(other), "it holds a message of kind 4");
}

TEST(ResourceFile, TheMostThereMayBeFits) {
  core::AgentResources record;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < core::kMaxOperationsPerAgent; ++i) {
    texts.push_back(std::to_string(1000 + i) + std::string(core::kMaxOperationTextBytes - 4, 'x'));
  }
  for (std::size_t i = 0; i < core::kMaxOperationsPerAgent; ++i) {
    core::OperationReport report;
    report.framework = kFramework;
    report.id = std::string_view(texts[i]).substr(0, core::kMaxIdBytes);
    report.uuid = {static_cast<std::uint8_t>(i), 1};
    report.state = core::OperationState::kFailed;
    report.message = texts[i];
    record.operations.push_back(report);
  }
  // What an operation may make of the resources, and not a volume more.
  for (const std::string& text : texts) {
    core::Resources more = record.resources;
    more += resources_of(fmt::format("disk({},dynamic)[{}:data]:1", std::string(200, 'r'),
                                     text.substr(0, core::kMaxIdBytes)));
    if (!core::frame_cost(more).within(core::kMaxResourceCost)) break;
    record.resources = std::move(more);
  }
  EXPECT_GT(record.resources.lots.size(), 50u);
  const auto file = encode_stored(record);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto stored = decode_stored(*file);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->resources, record.resources);
  EXPECT_EQ(stored->operations.size(), core::kMaxOperationsPerAgent);
}

// --- in the data folder ---

TEST(ResourceStore, IsReadBackFromTheFolder) {
  const TempFolder folder;
  const auto nothing = read_stored(folder.path());
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_FALSE(nothing->has_value());
  ASSERT_TRUE(write_stored(folder.path(), sample()).ok());
  const auto stored = read_stored(folder.path());
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_TRUE(stored->has_value());
  EXPECT_EQ((*stored)->resources, sample().resources);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(ResourceStore, ADamagedFileIsNamedWithTheWayOut) {
  const TempFolder folder;
  folder.write("resources", "SH");
  const auto stored = read_stored(folder.path());
  EXPECT_EQ(stored.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      core::message_of(stored.status()),
      fmt::format("{0}/resources: it is cut off after 2 bytes; restore it from a copy, or move "
                  "it and {0}/volumes away to start without reservations and volumes",
                  folder.path()));
}

TEST(ResourceStore, VolumesWithoutAFileAreNotForgotten) {
  const TempFolder folder;
  std::filesystem::create_directories(folder.path() + "/volumes/ads/v1");
  const auto stored = read_stored(folder.path());
  EXPECT_THAT(std::string(stored.status().message()), HasSubstr("it is missing, but there are"));
  std::filesystem::remove(folder.path() + "/volumes/ads/v1");
  EXPECT_TRUE(read_stored(folder.path()).ok());  // a role's empty folder is nothing
}

TEST(ResourceStore, AFolderThatCannotBeWrittenIsAnError) {
  const TempFolder folder;
  const absl::Status written = write_stored(folder.path() + "/missing", sample());
  EXPECT_FALSE(written.ok());
  EXPECT_THAT(std::string(written.message()), HasSubstr("/missing/resources"));
}

// --- reconcile ---

std::string reconciled(std::string_view configured, std::string_view stored) {
  const auto total = reconcile(resources_of(configured), resources_of(stored));
  return total.ok() ? core::to_string(*total) : std::string(core::message_of(total.status()));
}
std::string text_of(std::string_view resources) { return core::to_string(resources_of(resources)); }

TEST(Reconcile, TheSameIsTheSame) {
  EXPECT_EQ(reconciled("cpus:4;mem:100", "cpus:4;mem:100"), text_of("cpus:4;mem:100"));
  const std::string_view stored =
      "cpus:1;cpus(ads,dynamic):3;mem(eng):50;mem(eng)(eng/"
      "ads,dynamic):50;disk(ads,dynamic)[v:d]:9";
  EXPECT_EQ(reconciled("cpus:4;mem(eng):100;disk:9", stored), text_of(stored));
}

TEST(Reconcile, GrowthIsUnreserved) {
  EXPECT_EQ(reconciled("cpus:8;mem:10;ports:[1-9]",
                       "cpus:1;cpus(ads,dynamic):3;ports:[1-3];"
                       "ports(ads,dynamic):[4-5]"),
            text_of("cpus:5;cpus(ads,dynamic):3;mem:10;ports:[1-3,6-9];ports(ads,dynamic):[4-5]"));
  EXPECT_EQ(reconciled("bays:{a,b,c}", "bays:{a};bays(ads,dynamic):{b}"),
            text_of("bays:{a,c};bays(ads,dynamic):{b}"));
}

TEST(Reconcile, WhatShrankIsTakenFromTheUnreserved) {
  EXPECT_EQ(reconciled("cpus:3", "cpus:1;cpus(ads,dynamic):3"), text_of("cpus(ads,dynamic):3"));
  EXPECT_EQ(reconciled("cpus:4", "cpus:9;mem:10;cpus(ads,dynamic):3"),
            text_of("cpus:1;cpus(ads,dynamic):3"));
}

TEST(Reconcile, StaticReservationsComeFromTheFlagsOnly) {
  EXPECT_EQ(reconciled("cpus:4", "cpus:1;cpus(ads):3"), text_of("cpus:4"));
  EXPECT_EQ(reconciled("cpus(web):4", "cpus(ads):4"), text_of("cpus(web):4"));
  EXPECT_EQ(reconciled("cpus(eng):4", "cpus(eng)(eng/ads,dynamic):3;cpus(eng):1"),
            text_of("cpus(eng):1;cpus(eng)(eng/ads,dynamic):3"));
}

TEST(Reconcile, WhatDoesNotFitIsNamedWithTheWayOut) {
  EXPECT_EQ(reconciled("cpus:2;mem:10", "cpus:1;cpus(ads,dynamic):3"),
            "--resources: cpus(ads,dynamic):3 is reserved or a volume here, but cpus:2;mem:10 is "
            "left for it: start once with the former --resources and release it (UNRESERVE, "
            "DESTROY), or configure as much");
  EXPECT_THAT(reconciled("cpus:4", "cpus(eng)(eng/ads,dynamic):3"), HasSubstr("nothing is left"));
  EXPECT_THAT(reconciled("disk:8", "disk(ads,dynamic)[v:d]:9"),
              HasSubstr("disk(ads,dynamic)[v:d]:9 is"));
  EXPECT_THAT(reconciled("ports:[1-4]", "ports(ads,dynamic):[4-5]"), HasSubstr("[4-5]"));
  // Two that fit one by one, not together.
  EXPECT_THAT(reconciled("cpus:4", "cpus(a,dynamic):3;cpus(b,dynamic):3"),
              HasSubstr("cpus(b,dynamic):3 is"));
}

TEST(Reconcile, DisksOfTheirOwn) {
  EXPECT_EQ(reconciled("disk{path=/d}:100", "disk(ads,dynamic)[v:d]{path=/d}:60;disk{path=/d}:40"),
            text_of("disk(ads,dynamic)[v:d]{path=/d}:60;disk{path=/d}:40"));
  EXPECT_EQ(reconciled("disk{mount=/m}:100", "disk(ads,dynamic)[v:d]{mount=/m}:100"),
            text_of("disk(ads,dynamic)[v:d]{mount=/m}:100"));
  // It cannot be cut: a file system that was made larger is not what was reserved.
  EXPECT_THAT(reconciled("disk{mount=/m}:120", "disk(ads,dynamic)[v:d]{mount=/m}:100"),
              HasSubstr("but disk:120 is left for it, and it is held as a whole"));
}

}  // namespace
}  // namespace shoal::agent
