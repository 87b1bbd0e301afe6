// The builders of operations: what is asked for is what the master is told.
#include "sdk/operations.h"

#include <gtest/gtest.h>

namespace shoal::sdk {
namespace {

using core::OperationKind;

core::Resources parse(std::string_view text) {
  auto resources = core::parse_resources(text);
  EXPECT_TRUE(resources.ok()) << resources.status();
  return resources.ok() ? *resources : core::Resources();
}

const core::Volume kVolume{.id = "data", .container_path = "data"};

TEST(OperationsTest, ReservesWhatIsPlainAndRefinesWhatIsReserved) {
  const core::Resources kept = reserved(parse("cpus:2;mem:100"), {.role = "eng"});
  ASSERT_EQ(kept.lots.size(), 1u);
  EXPECT_TRUE(kept.Amounts::empty());
  const core::Lot& lot = *kept.lots.begin();
  EXPECT_EQ(lot.amounts.cpus, 2000);
  EXPECT_EQ(lot.amounts.mem, 100'000);
  EXPECT_EQ(lot.tags->role(), "eng");
  EXPECT_TRUE(lot.tags->reservations.back().dynamic);

  const core::Resources refined = reserved(kept, {.role = "eng/ads", .principal = "ops"});
  ASSERT_EQ(refined.lots.size(), 1u);
  ASSERT_EQ(refined.lots.begin()->tags->reservations.size(), 2u);
  EXPECT_EQ(refined.lots.begin()->tags->reservations[0].role, "eng");
  EXPECT_EQ(refined.lots.begin()->tags->role(), "eng/ads");
  EXPECT_TRUE(core::check_resources(refined).ok());

  const Operation operation = reserve(parse("cpus:2;mem:100"), {.role = "eng"}, "keep");
  EXPECT_EQ(operation.spec.kind, OperationKind::kReserve);
  EXPECT_EQ(operation.spec.resources, kept);
  EXPECT_EQ(operation.id, "keep");
}

TEST(OperationsTest, AVolumeIsReservedDiskWithAName) {
  const core::Resources kept = reserved(parse("cpus:2;disk:64"), {.role = "ads"});
  const core::Resources volume = as_volume(kept, kVolume);
  ASSERT_EQ(volume.lots.size(), 1u);
  const core::Lot& lot = *volume.lots.begin();
  EXPECT_EQ(lot.amounts.cpus, 0);
  EXPECT_EQ(lot.amounts.disk, 64'000);
  ASSERT_TRUE(lot.tags->volume.has_value());
  EXPECT_EQ(lot.tags->volume->id, "data");
  EXPECT_TRUE(as_volume(parse("disk:64"), kVolume).empty()) << "only reserved disk can be one";

  EXPECT_EQ(without_volume(volume), reserved(parse("disk:64"), {.role = "ads"}));
  core::Resources both = volume;
  both.cpus = 1000;
  EXPECT_EQ(find_volume(both, "data"), volume);
  EXPECT_TRUE(find_volume(both, "dat").empty());
}

TEST(OperationsTest, EachKindSaysWhatItIsDoneTo) {
  const core::Resources kept = reserved(parse("disk:64"), {.role = "ads"});
  const core::Resources volume = as_volume(kept, kVolume);
  EXPECT_EQ(unreserve(kept).spec.kind, OperationKind::kUnreserve);
  EXPECT_EQ(unreserve(kept).spec.resources, kept);
  EXPECT_EQ(create(kept, kVolume).spec.kind, OperationKind::kCreate);
  EXPECT_EQ(create(kept, kVolume).spec.resources, volume);
  EXPECT_EQ(destroy(volume).spec.kind, OperationKind::kDestroy);
  EXPECT_EQ(destroy(volume).spec.resources, volume);
  EXPECT_EQ(grow(volume, kept).spec.kind, OperationKind::kGrow);
  EXPECT_EQ(grow(volume, kept).spec.addition, kept);
  EXPECT_EQ(shrink(volume, 8000).spec.kind, OperationKind::kShrink);
  EXPECT_EQ(shrink(volume, 8000).spec.addition.disk, 8000);
  EXPECT_EQ(launch(3).spec.kind, OperationKind::kLaunch);
  EXPECT_EQ(launch(3).launches, 3u);
}

}  // namespace
}  // namespace shoal::sdk
