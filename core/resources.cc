#include "core/resources.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

constexpr std::size_t kMaxShortfallBytes = 400;  // an error is one line

bool before(const LotTagsPtr& a, const LotTags& b) { return a.get() != &b && *a < b; }

bool same(const LotTagsPtr& a, const LotTags& b) { return a.get() == &b || *a == b; }

bool holds(const LotTags& tags, const Amounts& held, const Amounts& wanted) {
  return tags.is_indivisible() ? held == wanted : held.contains(wanted);
}

// Whether requests without tags may be taken from the lot.
bool is_for_anybody(const LotTags& tags) {
  return tags.is_reserved() && !tags.volume && tags.disk_kind == DiskKind::kRoot && !tags.revocable;
}

template <typename Visit>
void each_part(const Resources& resources, Visit visit) {
  visit(static_cast<const LotTags*>(nullptr), static_cast<const Amounts&>(resources));
  for (const Lot& lot : resources.lots) visit(lot.tags.get(), lot.amounts);
}

// --- what is missing ---

void append_item(std::string& out, std::string_view item) {
  if (out.size() > kMaxShortfallBytes) return;
  if (!out.empty()) out += ", ";
  out += item;
  if (out.size() > kMaxShortfallBytes) out += ", …";
}

void append_shortfall(std::string& out, std::string_view tags, const Amounts& wanted,
                      const Amounts& free) {
  const auto scalar = [&](std::string_view name, Milli want, Milli has) {
    if (want <= has) return;
    append_item(out, fmt::format("{}{} {} (has {})", name, tags, milli_to_string(want),
                                 milli_to_string(has)));
  };
  for (std::size_t i = 0; i < kResourceKinds; ++i) {
    scalar(kResourceNames[i], wanted.quantities()[i], free.quantities()[i]);
  }
  if (!free.ports.contains(wanted.ports)) {
    append_item(out, fmt::format("ports{} that are not free", tags));
  }
  for (const CustomResource& item : wanted.custom.items()) {
    if (free.custom.contains(item)) continue;
    const CustomResource* held = free.custom.find(item.name);
    const auto* want = std::get_if<Milli>(&item.value);
    const auto* has = held ? std::get_if<Milli>(&held->value) : nullptr;
    if (want && (has || !held)) {
      scalar(item.name, *want, has ? *has : 0);
    } else {
      append_item(out, fmt::format("{}{} that are not free", item.name, tags));
    }
  }
}

void append_shortfall(std::string& out, const Lot& wanted, const Amounts* held) {
  const Amounts& free = held ? *held : Amounts();
  if (held && holds(*wanted.tags, *held, wanted.amounts)) return;
  const std::string tags = printable(to_string(*wanted.tags), kMaxShortfallBytes);
  if (held && wanted.tags->is_indivisible() && free.contains(wanted.amounts)) {
    append_item(out, fmt::format("disk{} only as a whole ({})", tags, milli_to_string(free.disk)));
    return;
  }
  append_shortfall(out, tags, wanted.amounts, free);
}

// --- what is sound ---

absl::Status check_amounts(const LotTags* tags, const Amounts& amounts) {
  const Quantities quantities = amounts.quantities();
  for (std::size_t i = 0; i < kResourceKinds; ++i) {
    const auto kind = static_cast<ResourceKind>(i);
    if (check_scalar(quantities[i], kind, {}).ok()) continue;
    const std::string suffix = tags ? printable(to_string(*tags)) : std::string();
    return check_scalar(quantities[i], kind, fmt::format("{}{}", kResourceNames[i], suffix));
  }
  for (const CustomResource& item : amounts.custom.items()) {
    const auto* scalar = std::get_if<Milli>(&item.value);
    if (!scalar) continue;
    if (auto ok = check_scalar(*scalar, ResourceKind::kCpus, item.name); !ok.ok()) return ok;
  }
  return absl::OkStatus();
}

absl::Status check_lot(const Lot& lot) {
  if (lot.tags->is_plain()) return invalid("a lot without tags; they belong to the plain fields");
  if (auto ok = check_tags(*lot.tags); !ok.ok()) return ok;
  if (auto ok = check_amounts(lot.tags.get(), lot.amounts); !ok.ok()) return ok;
  Amounts rest = lot.amounts;
  rest.disk = 0;
  if ((lot.tags->volume || lot.tags->disk_kind != DiskKind::kRoot) && !rest.empty()) {
    return invalid("{} is a tag of disk; there is more than disk in it",
                   printable(to_string(*lot.tags)));
  }
  return absl::OkStatus();
}

// Volume ids and mount disks are unique.
absl::Status check_once(const LotList& lots) {
  std::vector<std::pair<std::string_view, std::string_view>> volumes;  // role, id
  std::vector<std::string_view> mounts;
  for (const Lot& lot : lots) {
    if (lot.tags->volume) volumes.emplace_back(lot.tags->role(), lot.tags->volume->id);
    if (lot.tags->disk_kind == DiskKind::kMount) mounts.push_back(lot.tags->disk_root);
  }
  std::sort(volumes.begin(), volumes.end());
  std::sort(mounts.begin(), mounts.end());
  if (auto at = std::adjacent_find(volumes.begin(), volumes.end()); at != volumes.end()) {
    return invalid("volume '{}' of role '{}' is there twice", at->second, at->first);
  }
  if (auto at = std::adjacent_find(mounts.begin(), mounts.end()); at != mounts.end()) {
    return invalid("mount disk '{}' is there twice", *at);
  }
  return absl::OkStatus();
}

// Ports and custom items are unique, and a custom name is of one type.
absl::Status check_apart(const Resources& resources) {
  Amounts sum;
  absl::Status status;
  each_part(resources, [&](const LotTags*, const Amounts& part) {
    if (!status.ok() || (part.ports.empty() && part.custom.empty())) return;
    if (sum.ports.intersects(part.ports)) {
      status = invalid("a port is there twice, under different tags");
    }
    if (sum.custom.intersects(part.custom)) {
      status = invalid("an item of a custom resource is there twice, under different tags");
    }
    for (const CustomResource& item : part.custom.items()) {
      const CustomResource* known = sum.custom.find(item.name);
      if (known && known->value.index() != item.value.index()) {
        status = invalid("{} is of different types under different tags", item.name);
      }
    }
    sum.ports.add(part.ports);
    sum.custom.add(part.custom);
  });
  return status;
}

}  // namespace

// --- LotList ---

LotList::LotList(const LotList& other)
    : lots_(other.lots_ ? std::make_unique<std::vector<Lot>>(*other.lots_) : nullptr) {}

LotList& LotList::operator=(const LotList& other) {
  if (this != &other) *this = LotList(other);
  return *this;
}

const Amounts* LotList::find(const LotTags& tags) const {
  const Lot* at = std::lower_bound(begin(), end(), tags, [](const Lot& lot, const LotTags& wanted) {
    return before(lot.tags, wanted);
  });
  return at != end() && same(at->tags, tags) ? &at->amounts : nullptr;
}

void LotList::add(const LotTagsPtr& tags, const Amounts& amounts) {
  if (amounts.empty()) return;
  if (!lots_) lots_ = std::make_unique<std::vector<Lot>>();
  const auto at =
      std::lower_bound(lots_->begin(), lots_->end(), *tags,
                       [](const Lot& lot, const LotTags& t) { return before(lot.tags, t); });
  if (at == lots_->end() || !same(at->tags, *tags)) {
    lots_->insert(at, Lot{tags, amounts});
  } else if (!tags->is_shared()) {
    at->amounts += amounts;
  }
}

void LotList::subtract(const LotTags& tags, const Amounts& amounts) {
  if (amounts.empty()) return;
  auto* held = const_cast<Amounts*>(find(tags));
  assert(held);
  if (!held) return;
  *held -= amounts;
  if (!held->empty()) return;
  std::erase_if(*lots_, [held](const Lot& lot) { return &lot.amounts == held; });
  if (lots_->empty()) lots_.reset();
}

bool LotList::operator==(const LotList& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

// --- Resources ---

bool Resources::contains(const Resources& other) const {
  if (!Amounts::contains(other)) return false;
  return std::all_of(other.lots.begin(), other.lots.end(), [this](const Lot& wanted) {
    const Amounts* held = lots.find(*wanted.tags);
    return held && holds(*wanted.tags, *held, wanted.amounts);
  });
}

bool Resources::intersects(const Resources& other) const {
  bool found = false;
  each_part(*this, [&](const LotTags* tags, const Amounts& part) {
    if (tags && tags->is_indivisible() && !tags->is_shared())
      found |= other.lots.find(*tags) != nullptr;
    if (found || (part.ports.empty() && part.custom.empty())) return;
    each_part(other,
              [&](const LotTags*, const Amounts& theirs) { found |= part.intersects(theirs); });
  });
  return found;
}

void Resources::add(const LotTagsPtr& tags, const Amounts& amounts) {
  tags->is_plain() ? void(Amounts::operator+=(amounts)) : lots.add(tags, amounts);
}

Quantities Resources::all_quantities() const {
  Quantities sum = quantities();
  for (const Lot& lot : lots) sum += lot.amounts.quantities();
  return sum;
}

Resources& Resources::operator+=(const Resources& other) {
  Amounts::operator+=(other);
  for (const Lot& lot : other.lots) lots.add(lot.tags, lot.amounts);
  return *this;
}

Resources& Resources::operator-=(const Resources& other) {
  if (this == &other) return *this = Resources();
  Amounts::operator-=(other);
  for (const Lot& lot : other.lots) lots.subtract(*lot.tags, lot.amounts);
  return *this;
}

absl::StatusOr<Resources> resolve(const Resources& wanted, const Resources& offered) {
  if (wanted.lots.empty() && offered.lots.empty() && offered.contains(wanted)) return wanted;
  std::string missing;
  Resources out;
  Resources left = offered;
  for (const Lot& lot : wanted.lots) {
    const Amounts* held = left.lots.find(*lot.tags);
    if (!held || !holds(*lot.tags, *held, lot.amounts)) {
      append_shortfall(missing, lot, held);
      continue;
    }
    out.lots.add(lot.tags, lot.amounts);
    left.lots.subtract(*lot.tags, lot.amounts);
  }
  Amounts pool = left;
  Amounts rest = wanted;
  for (const Lot& lot : left.lots) {
    if (!is_for_anybody(*lot.tags)) continue;
    pool += lot.amounts;
    const Amounts part = common(rest, lot.amounts);
    out.lots.add(lot.tags, part);
    rest -= part;
  }
  if (!left.Amounts::contains(rest)) append_shortfall(missing, {}, wanted, pool);
  if (!missing.empty()) return absl::InvalidArgumentError(missing);
  static_cast<Amounts&>(out) = rest;
  return out;
}

absl::Status check_resources(const Resources& resources) {
  if (auto ok = check_amounts(nullptr, resources); !ok.ok()) return ok;
  if (resources.lots.empty()) return absl::OkStatus();
  if (resources.lots.size() > kMaxLots) {
    return invalid("resources with {} different tags; the limit is {}", resources.lots.size(),
                   kMaxLots);
  }
  for (const Lot& lot : resources.lots) {
    if (auto ok = check_lot(lot); !ok.ok()) return ok;
  }
  if (auto ok = check_once(resources.lots); !ok.ok()) return ok;
  return check_apart(resources);
}

std::string shortfall(const Resources& wanted, const Resources& free) {
  std::string out;
  append_shortfall(out, {}, wanted, free);
  for (const Lot& lot : wanted.lots) append_shortfall(out, lot, free.lots.find(*lot.tags));
  return out;
}

Amounts whole(const Resources& resources) {
  Amounts sum = resources;
  for (const Lot& lot : resources.lots) {
    if (!lot.tags->revocable) sum += lot.amounts;
  }
  return sum;
}

}  // namespace shoal::core
