// What an agent has, an offer holds and a task needs. The plain fields are unreserved and not
// revocable; everything with a tag stands in `lots`.
//
// Scalars are milli-units in 64 bits (Mesos' three decimals): cpus 500 = half a core, mem and disk
// in milli-MiB, so 1 MiB = 1000. gpus are whole units only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/amounts.h"
#include "core/lot.h"
#include "core/quantities.h"

namespace shoal::core {

// Sorted by tags, each tags once, none empty. Most agents have none, so this is one pointer, null
// when empty; copies are deep (tags are shared).
class LotList {
 public:
  LotList() = default;
  LotList(const LotList& other);
  LotList(LotList&&) noexcept = default;
  LotList& operator=(const LotList& other);
  LotList& operator=(LotList&&) noexcept = default;
  ~LotList() = default;

  bool empty() const { return lots_ == nullptr; }
  const Lot* begin() const { return lots_ == nullptr ? nullptr : lots_->data(); }
  const Lot* end() const { return lots_ == nullptr ? nullptr : lots_->data() + lots_->size(); }
  std::size_t size() const { return lots_ == nullptr ? 0 : lots_->size(); }
  // Null when there is none with these tags.
  const Amounts* find(const LotTags& tags) const;

  // Amounts under equal tags become one lot. A mount disk or a volume that is not shared is there
  // at most once in a sound sum; a shared volume is held once however often it is added.
  // Pre-condition: the tags are not plain (Resources::add takes those too).
  void add(const LotTagsPtr& tags, const Amounts& amounts);
  // Pre-condition: the lot is there and contains them. A shared volume is gone afterwards, whoever
  // else uses it: who counts its users subtracts it with the last one.
  void subtract(const LotTags& tags, const Amounts& amounts);
  bool operator==(const LotList& other) const;

 private:
  std::unique_ptr<std::vector<Lot>> lots_;
};

struct Resources : Amounts {
  LotList lots;

  bool empty() const { return Amounts::empty() && lots.empty(); }
  // Every lot of `other` in the lot of the same tags, and the plain fields in the plain fields. A
  // mount disk or a volume is contained only as a whole.
  bool contains(const Resources& other) const;
  // Whether a port or an item of a custom range or set is in both, under whatever tags, or a mount
  // disk or volume that is not shared.
  bool intersects(const Resources& other) const;
  // To the lot of these tags; to the plain fields when there is no tag.
  void add(const LotTagsPtr& tags, const Amounts& amounts);
  // Sums over the plain fields and all lots. quantities() of Amounts: the plain fields alone.
  Quantities all_quantities() const;

  Resources& operator+=(const Resources& other);
  // Pre-condition: contains(other).
  Resources& operator-=(const Resources& other);
  friend Resources operator+(Resources a, const Resources& b) { return a += b; }
  friend Resources operator-(Resources a, const Resources& b) { return a -= b; }
  bool operator==(const Resources&) const = default;
};

// The lots that `keep` is true for; the plain fields when `plain`.
template <typename Keep>
Resources select(const Resources& from, bool plain, Keep keep) {
  Resources out;
  if (plain) static_cast<Amounts&>(out) = from;
  for (const Lot& lot : from.lots) {
    if (keep(*lot.tags)) out.lots.add(lot.tags, lot.amounts);
  }
  return out;
}

// The plain fields and everything that is reserved; what is revocable comes on top of that and is
// not a part of what an agent has.
Amounts whole(const Resources& resources);

// Where a task's request is taken from in what was offered. Lots that the request names are taken
// as they are. What it asks for without tags comes from the lots that are reserved (to any role:
// only what the role may use is ever offered to it) and hold no volume and no disk of its own, in
// their order, then from the plain fields; never from revocable lots. Finds a way whenever there is
// one. Shared volumes count as there once: what other tasks use of them is for the caller.
// Errors: INVALID_ARGUMENT with a text like shortfall()'s when it does not fit.
absl::StatusOr<Resources> resolve(const Resources& wanted, const Resources& offered);

// Every field in its range: 0 <= scalar <= kMaxScalarMilli, whole gpus, at most kMaxLots lots,
// sound tags (check_tags), only disk beside a volume or a disk of its own. Under different tags, no
// port, custom item, mount disk or volume id of a role twice, and a custom name always of one type.
// The error names the field.
absl::Status check_resources(const Resources& resources);

// Text form of Mesos: "cpus:4;mem:8192;disk:1000;gpus:1;ports:[31000-32000,33000-33010]", with tags
// after the name, in this order:
//   cpus(eng)(eng/ads,dynamic,by=alice,team=x):8    reservations, outermost first; labels
//   disk(ads)[vol1:data,by=alice,shared]:100        a volume: id, path in the sandbox, creator
//   disk{path=/data1}:9  disk{mount=/data2}:9       a disk of its own
//   cpus{revocable}:2                               "{REV}" is read too
// Other names are custom resources, "licenses:3;ids:[1-9,20-30];bays:{left,right}", unless they are
// a slip of a well-known one ("cpu"). Text between the marks is percent_escape()d. Every kind at
// most once for the same tags, in any order; at most three decimals.
// Errors: INVALID_ARGUMENT, naming the part and what was expected.
absl::StatusOr<Resources> parse_resources(std::string_view text);

// The same form; kinds that are zero are left out. "nothing" when all are. parse_resources reads
// back whatever check_resources accepts.
std::string to_string(const Resources& resources);
std::string to_string(const Amounts& amounts);

// What `free` lacks to contain `wanted`, as "cpus 4 (has 2), mem(ads) 10 (has 0)"; empty when
// nothing. Cut when it gets long.
std::string shortfall(const Resources& wanted, const Resources& free);

}  // namespace shoal::core
