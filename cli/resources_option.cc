#include "cli/resources_option.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "cli/json_reader.h"
#include "core/limits.h"
#include "core/lot.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

using rapidjson::Value;

constexpr std::size_t kMaxBytes = std::size_t{1024} * 1024;
constexpr std::size_t kMaxEntries = 1024;
constexpr std::array<std::string_view, 5> kKinds = {"cpus", "mem", "disk", "gpus", "ports"};

// Null when there is none.
const Value* find(const Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

absl::StatusOr<std::string> text_of(const Value& object, const char* name, std::string_view where) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsString()) {
    return core::invalid("{}: '{}' is missing or no text", where, name);
  }
  return std::string(view_of(*value));
}

absl::StatusOr<core::Milli> amount_of(const Value& scalar, std::string_view where) {
  if (absl::Status ok = check_members(scalar, where, {"value"}); !ok.ok()) return ok;
  const Value* value = find(scalar, "value");
  if (value == nullptr || !value->IsNumber()) {
    return core::invalid("{}: 'value' is missing or no number", where);
  }
  const double milli = value->GetDouble() * 1000;
  if (!(milli >= 0 && milli <= static_cast<double>(core::kMaxScalarMilli))) {
    return core::invalid("{}: 'value' is not within 0 and {}", where, core::kMaxScalarMilli / 1000);
  }
  const core::Milli rounded = std::llround(milli);
  if (std::fabs(milli - static_cast<double>(rounded)) > 0.01) {
    return core::invalid("{}: at most three decimals are kept", where);
  }
  return rounded;
}

absl::StatusOr<std::vector<core::CustomRange>> ranges_of(const Value& ranges,
                                                         std::string_view where) {
  if (absl::Status ok = check_members(ranges, where, {"range"}); !ok.ok()) return ok;
  const Value* list = find(ranges, "range");
  if (list == nullptr || !list->IsArray()) {
    return core::invalid("{}: 'range' is missing or no array", where);
  }
  std::vector<core::CustomRange> out;
  for (const Value& range : list->GetArray()) {
    if (absl::Status ok = check_members(range, where, {"begin", "end"}); !ok.ok()) return ok;
    const Value* begin = find(range, "begin");
    const Value* end = find(range, "end");
    if (begin == nullptr || end == nullptr || !begin->IsUint64() || !end->IsUint64()) {
      return core::invalid("{}: 'begin' and 'end' must be whole numbers", where);
    }
    out.push_back({begin->GetUint64(), end->GetUint64()});
  }
  return out;
}

absl::StatusOr<std::vector<std::string>> items_of(const Value& set, std::string_view where) {
  if (absl::Status ok = check_members(set, where, {"item"}); !ok.ok()) return ok;
  const Value* list = find(set, "item");
  if (list == nullptr || !list->IsArray()) {
    return core::invalid("{}: 'item' is missing or no array", where);
  }
  std::vector<std::string> out;
  for (const Value& item : list->GetArray()) {
    if (!item.IsString()) return core::invalid("{}: an item is no text", where);
    out.emplace_back(view_of(item));
  }
  return out;
}

absl::Status read_reservations(const Value& entry, std::string_view where, core::LotTags* tags) {
  const Value* list = find(entry, "reservations");
  if (find(entry, "role") != nullptr) {
    if (list != nullptr) return core::invalid("{}: use 'role' or 'reservations'", where);
    auto role = text_of(entry, "role", where);
    if (!role.ok()) return role.status();
    if (*role != core::kDefaultRole) tags->reservations.emplace_back().role = *std::move(role);
    return absl::OkStatus();
  }
  if (list == nullptr) return absl::OkStatus();
  if (!list->IsArray()) return core::invalid("{}: 'reservations' is no array", where);
  for (const Value& reservation : list->GetArray()) {
    if (absl::Status ok = check_members(reservation, where, {"type", "role"}); !ok.ok()) return ok;
    const auto type = text_of(reservation, "type", where);
    if (!type.ok()) return type.status();
    if (*type != "STATIC") {
      return core::invalid("{}: a reservation of type '{}': only STATIC ones stand in flags", where,
                           core::printable(*type));
    }
    auto role = text_of(reservation, "role", where);
    if (!role.ok()) return role.status();
    tags->reservations.emplace_back().role = *std::move(role);
  }
  return absl::OkStatus();
}

absl::Status read_disk(const Value& entry, std::string_view where, core::LotTags* tags) {
  const Value* disk = find(entry, "disk");
  if (disk == nullptr) return absl::OkStatus();
  if (absl::Status ok = check_members(*disk, where, {"source"}); !ok.ok()) return ok;
  const Value* source = find(*disk, "source");
  if (source == nullptr) return core::invalid("{}: 'disk' without 'source'", where);
  if (absl::Status ok = check_members(*source, where, {"type", "path", "mount"}); !ok.ok()) {
    return ok;
  }
  const auto type = text_of(*source, "type", where);
  if (!type.ok()) return type.status();
  const bool is_path = *type == "PATH";
  if (!is_path && *type != "MOUNT") {
    return core::invalid("{}: a disk of type '{}'; known are PATH and MOUNT", where,
                         core::printable(*type));
  }
  const Value* at = find(*source, is_path ? "path" : "mount");
  if (at == nullptr || source->MemberCount() != 2) {
    return core::invalid("{}: a disk of type {} has '{}' and nothing else", where, *type,
                         is_path ? "path" : "mount");
  }
  if (absl::Status ok = check_members(*at, where, {"root"}); !ok.ok()) return ok;
  auto root = text_of(*at, "root", where);
  if (!root.ok()) return root.status();
  tags->disk_kind = is_path ? core::DiskKind::kPath : core::DiskKind::kMount;
  tags->disk_root = *std::move(root);
  return absl::OkStatus();
}

// Everything under the same tags.
struct Group {
  core::LotTagsPtr tags;
  core::Amounts amounts;
  std::vector<core::CustomResource> custom;
  std::set<std::string> names;
};

class JsonResources {
 public:
  absl::Status add(const Value& entry, std::string_view where);
  absl::StatusOr<std::string> text();

 private:
  absl::Status add_amount(Group& group, const std::string& name, const std::string& type,
                          const Value& value, std::string_view where);

  std::map<std::string, Group> groups_;  // by the tags' text
  std::set<std::string> names_;
};

absl::Status JsonResources::add(const Value& entry, std::string_view where) {
  absl::Status known = check_members(
      entry, where, {"name", "type", "scalar", "ranges", "set", "role", "reservations", "disk"});
  if (!known.ok()) return known;
  const auto name = text_of(entry, "name", where);
  if (!name.ok()) return name.status();
  const auto type = text_of(entry, "type", where);
  if (!type.ok()) return type.status();
  core::LotTags tags;
  if (absl::Status ok = read_reservations(entry, where, &tags); !ok.ok()) return ok;
  if (absl::Status ok = read_disk(entry, where, &tags); !ok.ok()) return ok;
  if (tags.disk_kind != core::DiskKind::kRoot && *name != "disk") {
    return core::invalid("{}: only 'disk' has a 'disk'", where);
  }
  Group& group = groups_[core::to_string(tags)];
  if (group.tags == nullptr) group.tags = std::make_shared<const core::LotTags>(tags);
  if (!group.names.insert(*name).second) {
    return core::invalid("{}: '{}' is there twice", where, core::printable(*name));
  }
  names_.insert(*name);

  const bool is_scalar = *type == "SCALAR";
  const char* member = is_scalar ? "scalar" : *type == "RANGES" ? "ranges" : "set";
  if (!is_scalar && *type != "RANGES" && *type != "SET") {
    return core::invalid("{}: type '{}' is none of SCALAR, RANGES, SET", where,
                         core::printable(*type));
  }
  for (const char* other : {"scalar", "ranges", "set"}) {
    const bool is_wanted = std::string_view(other) == member;
    if ((find(entry, other) != nullptr) != is_wanted) {
      return core::invalid("{}: '{}' is {} of type {}", where, other,
                           is_wanted ? "missing in one" : "there in one", *type);
    }
  }
  return add_amount(group, *name, *type, *find(entry, member), where);
}

absl::Status JsonResources::add_amount(Group& group, const std::string& name,
                                       const std::string& type, const Value& value,
                                       std::string_view where) {
  core::Amounts& amounts = group.amounts;
  const std::array<std::pair<std::string_view, core::Milli*>, 4> scalars = {
      {{"cpus", &amounts.cpus},
       {"mem", &amounts.mem},
       {"disk", &amounts.disk},
       {"gpus", &amounts.gpus}}};
  const auto* scalar = std::find_if(scalars.begin(), scalars.end(),
                                    [&name](const auto& known) { return known.first == name; });
  const bool is_ports = name == "ports";
  if ((scalar != scalars.end() && type != "SCALAR") || (is_ports && type != "RANGES")) {
    return core::invalid("{}: {} is of type {}", where, name, is_ports ? "RANGES" : "SCALAR");
  }
  if (type == "SCALAR") {
    const auto milli = amount_of(value, where);
    if (!milli.ok()) return milli.status();
    if (scalar != scalars.end()) {
      *scalar->second = *milli;
    } else {
      group.custom.push_back({name, *milli});
    }
    return absl::OkStatus();
  }
  if (type == "SET") {
    auto items = items_of(value, where);
    if (!items.ok()) return items.status();
    std::sort(items->begin(), items->end());
    group.custom.push_back({name, *std::move(items)});
    return absl::OkStatus();
  }
  auto ranges = ranges_of(value, where);
  if (!ranges.ok()) return ranges.status();
  if (!is_ports) {
    group.custom.push_back({name, *std::move(ranges)});
    return absl::OkStatus();
  }
  core::PortSet::Ranges ports;
  for (const core::CustomRange& range : *ranges) {
    if (range.end > 65535) return core::invalid("{}: ports are within 0-65535", where);
    ports.push_back(
        {static_cast<std::uint32_t>(range.begin), static_cast<std::uint32_t>(range.end)});
  }
  auto set = core::PortSet::from_ranges(std::move(ports));
  if (!set.ok()) return core::invalid("{}: {}", where, core::message_of(set.status()));
  amounts.ports = *std::move(set);
  return absl::OkStatus();
}

// What to_string() leaves out, so that it is not probed.
std::string with_zeros(const core::Resources& resources, const std::set<std::string>& kinds) {
  std::string text = resources.empty() ? "" : core::to_string(resources);
  core::Amounts sum = resources;
  for (const core::Lot& lot : resources.lots) sum += lot.amounts;
  const std::array<bool, kKinds.size()> is_zero = {sum.cpus == 0, sum.mem == 0, sum.disk == 0,
                                                   sum.gpus == 0, sum.ports.empty()};
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (!is_zero[i] || !kinds.contains(std::string(kKinds[i]))) continue;
    text += fmt::format("{}{}:{}", text.empty() ? "" : ";", kKinds[i],
                        kKinds[i] == "ports" ? "[]" : "0");
  }
  return text;
}

absl::StatusOr<std::string> JsonResources::text() {
  core::Resources resources;
  for (auto& [key, group] : groups_) {
    absl::Status made = core::CustomResources::make(std::move(group.custom), &group.amounts.custom);
    if (!made.ok()) return made;
    if (!group.amounts.empty()) resources.add(group.tags, group.amounts);
  }
  if (absl::Status sound = core::check_resources(resources); !sound.ok()) return sound;
  return with_zeros(resources, names_);
}

absl::Status refused(const absl::Status& why) {
  return core::invalid("--resources: {}", core::message_of(why));
}

}  // namespace

absl::StatusOr<std::string> resources_text_of_json(std::string_view json) {
  if (json.size() > kMaxBytes) return core::invalid("more than {} bytes of JSON", kMaxBytes);
  rapidjson::Document document;
  // Iterative: the depth is whatever it is.
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                 rapidjson::kParseFullPrecisionFlag>(json.data(), json.size());
  if (document.HasParseError()) {
    return core::invalid("not JSON, at byte {}: {}", document.GetErrorOffset(),
                         rapidjson::GetParseError_En(document.GetParseError()));
  }
  if (!document.IsArray()) return core::invalid("the JSON form is an array of resources");
  if (document.Size() > kMaxEntries) {
    return core::invalid("more than {} resources", kMaxEntries);
  }
  JsonResources resources;
  for (rapidjson::SizeType i = 0; i < document.Size(); ++i) {
    absl::Status added = resources.add(document[i], fmt::format("resource {}", i));
    if (!added.ok()) return added;
  }
  return resources.text();
}

absl::StatusOr<std::string> read_resources_option(const std::string& option) {
  std::string text = option;
  if (option.starts_with('@')) {
    auto file = net::read_whole_file(option.substr(1), kMaxBytes);
    if (!file.ok()) return refused(file.status());
    text = *std::move(file);
  }
  const std::string_view stripped = core::strip(text);
  if (stripped.starts_with('[')) {
    auto from_json = resources_text_of_json(stripped);
    if (!from_json.ok()) return refused(from_json.status());
    return from_json;
  }
  if (stripped.empty()) return std::string();
  const auto resources = core::parse_resources(stripped);
  if (!resources.ok()) return refused(resources.status());
  return std::string(stripped);
}

std::string resources_flag(const core::Resources& resources) {
  return with_zeros(resources, {kKinds.begin(), kKinds.end()});
}

}  // namespace shoal::cli
