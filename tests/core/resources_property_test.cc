// What is true of all resources, tried on many random ones.
#include <gtest/gtest.h>

#include "core/operation.h"
#include "core/resources.h"
#include "core/status.h"
#include "tests/core/random_resources.h"

namespace shoal::core {
namespace {

constexpr std::uint64_t kSeeds = 2000;

// Some of `from`, in every part.
Amounts some_of(const Amounts& from, Random& random) {
  Amounts out;
  const auto less = [&random](Milli value) {
    return static_cast<Milli>(random.below(static_cast<std::uint64_t>(value) + 1));
  };
  out.cpus = less(from.cpus);
  out.mem = less(from.mem);
  out.disk = less(from.disk);
  out.gpus = less(from.gpus) / 1000 * 1000;
  out.ports = from.ports.lowest(static_cast<std::uint32_t>(random.below(from.ports.count() + 1)));
  if (random.chance(1, 2)) out.custom = from.custom;
  return out;
}

bool is_for_anybody(const LotTags& tags) {
  return tags.is_reserved() && !tags.volume && tags.disk_kind == DiskKind::kRoot;
}

TEST(ResourcesProperty, TheTextFormRoundTrips) {
  std::size_t with_lots = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Resources r = RandomResources(seed).resources();
    ASSERT_TRUE(check_resources(r).ok()) << check_resources(r);
    const std::string text = to_string(r);
    const auto again = parse_resources(text);
    ASSERT_TRUE(again.ok()) << text << "\n" << again.status();
    ASSERT_EQ(*again, r) << text;
    ASSERT_EQ(to_string(*again), text);
    ASSERT_EQ(text.find('\n'), std::string::npos);
    with_lots += r.lots.empty() ? 0 : 1;
  }
  EXPECT_GT(with_lots, kSeeds / 2) << "the generator makes what is to be tested";
}

TEST(ResourcesProperty, SumsAndDifferences) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomResources make(seed);
    const Resources a = make.resources();
    ASSERT_TRUE(a.contains(a));
    ASSERT_EQ(a + Resources(), a);
    ASSERT_EQ(a - a, Resources());
    // Take a part away and give it back.
    Resources part;
    static_cast<Amounts&>(part) = some_of(a, make.random());
    for (const Lot& lot : a.lots) {
      const bool whole = lot.tags->is_indivisible();
      if (whole && make.random().chance(1, 2)) continue;
      part.add(lot.tags, whole ? lot.amounts : some_of(lot.amounts, make.random()));
    }
    ASSERT_TRUE(a.contains(part)) << to_string(a) << "\n" << to_string(part);
    ASSERT_EQ(shortfall(part, a), "");
    const Resources rest = a - part;
    ASSERT_EQ(rest + part, a) << to_string(a) << "\n" << to_string(part);
    ASSERT_EQ(part + rest, a);
    ASSERT_FALSE(rest.intersects(part)) << to_string(rest) << "\n" << to_string(part);
    ASSERT_EQ(rest.all_quantities() + part.all_quantities(), a.all_quantities());
  }
}

TEST(ResourcesProperty, ShortfallIsEmptyExactlyWhenContained) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomResources make(seed);
    const Resources a = make.resources();
    Resources b = make.random().chance(1, 2) ? make.resources() : a;
    if (make.random().chance(1, 2)) static_cast<Amounts&>(b) = some_of(b, make.random());
    ASSERT_EQ(a.contains(b), shortfall(b, a).empty()) << to_string(a) << "\n" << to_string(b);
  }
}

// A request fits exactly when what it names is there, and the rest is within the sum of the plain
// fields and the lots that are for anybody.
TEST(ResourcesProperty, ResolveFindsAWayWhenThereIsOne) {
  std::size_t fitted = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomResources make(seed);
    const Resources offered = make.resources();
    Resources wanted;
    Amounts pool = offered;
    for (const Lot& lot : offered.lots) {
      Amounts left = lot.amounts;
      if (make.random().chance(1, 3)) {
        const Amounts named =
            lot.tags->is_indivisible() ? lot.amounts : some_of(lot.amounts, make.random());
        wanted.add(lot.tags, named);
        left -= named;
      }
      if (is_for_anybody(*lot.tags)) pool += left;
    }
    Amounts plain = make.random().chance(1, 3) ? pool : some_of(pool, make.random());
    if (make.random().chance(1, 4)) plain.mem += static_cast<Milli>(make.random().below(3));
    static_cast<Amounts&>(wanted) = plain;
    const auto taken = resolve(wanted, offered);
    ASSERT_EQ(taken.ok(), pool.contains(plain)) << to_string(wanted) << "\n" << to_string(offered);
    if (!taken.ok()) continue;
    ++fitted;
    ASSERT_TRUE(offered.contains(*taken)) << to_string(*taken) << "\n" << to_string(offered);
    ASSERT_EQ(taken->all_quantities(), wanted.all_quantities());
    Amounts flat_taken = *taken;
    for (const Lot& lot : taken->lots) flat_taken += lot.amounts;
    Amounts flat_wanted = wanted;
    for (const Lot& lot : wanted.lots) flat_wanted += lot.amounts;
    ASSERT_EQ(flat_taken, flat_wanted);
    // Plain fields only when nothing that is for anybody was left.
    if (taken->cpus > 0) {
      for (const Lot& lot : offered.lots) {
        if (!is_for_anybody(*lot.tags) || lot.amounts.cpus == 0) continue;
        const Amounts* used = taken->lots.find(*lot.tags);
        ASSERT_TRUE(used && used->cpus == lot.amounts.cpus) << to_string(*taken);
      }
    }
  }
  EXPECT_GT(fitted, kSeeds / 2);
}

// Reserve and unreserve, create and destroy undo each other, and never lose or add anything.
TEST(ResourcesProperty, OperationsUndoEachOther) {
  std::size_t done = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomResources make(seed);
    const Resources total = make.resources();
    for (const Lot& lot : total.lots) {
      const LotTags& tags = *lot.tags;
      if (tags.revocable) continue;
      LotTags after = tags;
      OperationKind there = OperationKind::kReserve;
      OperationKind back = OperationKind::kUnreserve;
      if (tags.is_reserved() && !tags.volume && lot.amounts.disk > 0 && seed % 2 == 0) {
        after.volume = Volume{"new", "data", "", seed % 3 == 0};
        there = OperationKind::kCreate;
        back = OperationKind::kDestroy;
      } else {
        const std::string above = tags.is_reserved() ? tags.role() : std::string();
        after.reservations.push_back({make.role(above), true, "", {{"k", make.text(4)}}});
      }
      Amounts amounts = lot.amounts;
      if (there == OperationKind::kCreate) {
        amounts = Amounts();
        amounts.disk = lot.amounts.disk;
      }
      Resources wanted;
      wanted.add(std::make_shared<const LotTags>(after), amounts);
      const auto forth = convert({there, wanted, {}}, total, total, "me");
      if (tags.volume) {
        ASSERT_FALSE(forth.ok());
        continue;
      }
      ASSERT_TRUE(forth.ok()) << forth.status() << "\n" << to_string(wanted);
      const Resources changed = total - forth->consumed + forth->converted;
      ASSERT_TRUE(check_resources(changed).ok()) << check_resources(changed);
      ASSERT_EQ(changed.all_quantities(), total.all_quantities());
      const auto undone = convert({back, forth->converted, {}}, changed, changed, "me");
      ASSERT_TRUE(undone.ok()) << undone.status();
      ASSERT_EQ(changed - undone->consumed + undone->converted, total);
      ++done;
    }
  }
  EXPECT_GT(done, kSeeds / 2);
}

}  // namespace
}  // namespace shoal::core
