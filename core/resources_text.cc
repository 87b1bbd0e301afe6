// The text form of resources: reading and printing.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "core/resources.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

constexpr std::string_view kNothing = "nothing";
constexpr std::string_view kPorts = "ports";

absl::Status refuse(std::string_view part, std::string_view why) {
  return invalid("resources: '{}': {}", printable(part), why);
}

// Cuts the text before the next `separator` off `rest`. False at the end.
bool next_token(std::string_view& rest, char separator, std::string_view* token) {
  if (rest.data() == nullptr) return false;
  const std::size_t at = rest.find(separator);
  *token = strip(rest.substr(0, at));
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return true;
}

absl::Status unescape(std::string_view token, std::string* text) {
  if (percent_unescape(token, text)) return absl::OkStatus();
  return invalid("'{}': write brackets and '%' as '%' and two hexadecimal digits",
                 printable(token));
}

// --- tags ---

// The inside of "(ads,dynamic,by=alice,team=x)".
absl::Status read_reservation(std::string_view inner, LotTags* tags) {
  Reservation reservation;
  std::string_view token;
  next_token(inner, ',', &token);
  if (auto ok = unescape(token, &reservation.role); !ok.ok()) return ok;
  while (next_token(inner, ',', &token)) {
    if (token == "dynamic" && !reservation.dynamic) {
      reservation.dynamic = true;
      continue;
    }
    const std::size_t equals = token.find('=');
    if (equals == std::string_view::npos) {
      return invalid("'{}': expected dynamic, by=PRINCIPAL or LABEL=VALUE, each once",
                     printable(token));
    }
    const std::string_view key = strip(token.substr(0, equals));
    std::string value;
    if (auto ok = unescape(strip(token.substr(equals + 1)), &value); !ok.ok()) return ok;
    if (key == "by") {
      if (!reservation.principal.empty() || value.empty())
        return invalid("expected one by=PRINCIPAL");
      reservation.principal = std::move(value);
      continue;
    }
    auto& label = reservation.labels.emplace_back(std::string(), std::move(value));
    if (auto ok = unescape(key, &label.first); !ok.ok()) return ok;
  }
  tags->reservations.push_back(std::move(reservation));
  return absl::OkStatus();
}

// The inside of "[vol1:data,by=alice,shared]".
absl::Status read_volume(std::string_view inner, LotTags* tags) {
  Volume& volume = tags->volume.emplace();
  std::string_view token;
  next_token(inner, ',', &token);
  const std::size_t colon = token.find(':');
  if (colon == std::string_view::npos) return invalid("expected a volume like [vol1:data]");
  if (auto ok = unescape(strip(token.substr(0, colon)), &volume.id); !ok.ok()) return ok;
  if (auto ok = unescape(strip(token.substr(colon + 1)), &volume.container_path); !ok.ok()) {
    return ok;
  }
  while (next_token(inner, ',', &token)) {
    if (token == "shared" && !volume.shared) {
      volume.shared = true;
    } else if (token.starts_with("by=") && volume.principal.empty() && token.size() > 3) {
      if (auto ok = unescape(strip(token.substr(3)), &volume.principal); !ok.ok()) return ok;
    } else {
      return invalid("'{}': expected by=PRINCIPAL or shared, each once", printable(token));
    }
  }
  return absl::OkStatus();
}

// The inside of "{path=/data1}", "{mount=/data2}" or "{revocable}".
absl::Status read_options(std::string_view inner, LotTags* tags) {
  std::string_view token;
  while (next_token(inner, ',', &token)) {
    const std::size_t equals = token.find('=');
    const std::string_view key = strip(token.substr(0, equals));
    if ((key == "path" || key == "mount") && equals != std::string_view::npos &&
        tags->disk_kind == DiskKind::kRoot) {
      tags->disk_kind = key == "path" ? DiskKind::kPath : DiskKind::kMount;
      if (auto ok = unescape(strip(token.substr(equals + 1)), &tags->disk_root); !ok.ok())
        return ok;
    } else if ((token == "revocable" || token == "REV") && !tags->revocable) {
      tags->revocable = true;
    } else {
      return invalid("'{}': expected path=/…, mount=/… or revocable, each once", printable(token));
    }
  }
  return absl::OkStatus();
}

absl::Status read_tag(char open, std::string_view inner, LotTags* tags) {
  if (open == '(') return read_reservation(inner, tags);
  return open == '[' ? read_volume(inner, tags) : read_options(inner, tags);
}

// One "name(tags):value".
struct Part {
  std::string_view text;
  std::string_view name;
  LotTags tags;
  std::string_view value;  // empty when there is none
};

absl::Status read_part(std::string_view text, Part* part) {
  constexpr std::string_view kOpen = "([{";
  constexpr std::string_view kClose = ")]}";
  part->text = text;
  const std::size_t name_end = std::min(text.find_first_of("([{:"), text.size());
  part->name = strip(text.substr(0, name_end));
  std::string_view rest = text.substr(name_end);
  std::size_t least = 0;  // reservations, then a volume, then options
  while (!rest.empty() && rest.front() != ':') {
    const std::size_t mark = kOpen.find(rest.front());
    if (mark == std::string_view::npos || mark < least) {
      return invalid("expected NAME(ROLE)[VOLUME]{{OPTION}}:VALUE");
    }
    const std::size_t end = rest.find(kClose[mark]);
    if (end == std::string_view::npos) {
      return invalid("expected '{}' after '{}'", kClose[mark], kOpen[mark]);
    }
    if (mark == 0 && part->tags.reservations.size() == kMaxReservationDepth) {
      return invalid("more than {} reservations on each other", kMaxReservationDepth);
    }
    if (auto ok = read_tag(rest.front(), rest.substr(1, end - 1), &part->tags); !ok.ok()) return ok;
    least = mark == 0 ? 0 : mark + 1;
    rest = strip(rest.substr(end + 1));
  }
  part->value = rest.empty() ? rest : strip(rest.substr(1));
  return check_tags(part->tags);
}

// --- values ---

// "[1-9,20-30]" into `ranges`, a list of {begin, end}.
template <typename Ranges>
absl::Status read_ranges(std::string_view text, std::size_t limit, Ranges* ranges) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return invalid("expected ranges like [31000-32000,33000-33010]");
  }
  std::string_view inner = strip(text.substr(1, text.size() - 2));
  if (inner.empty()) return absl::OkStatus();
  std::string_view token;
  while (next_token(inner, ',', &token)) {
    const std::size_t dash = token.find('-');
    typename Ranges::value_type range;
    if (dash == std::string_view::npos || !parse_int(strip(token.substr(0, dash)), &range.begin) ||
        !parse_int(strip(token.substr(dash + 1)), &range.end)) {
      return invalid("'{}': expected a range like 31000-32000", printable(token));
    }
    if (ranges->size() == limit) return invalid("more than {} ranges", limit);
    ranges->push_back(range);
  }
  return absl::OkStatus();
}

absl::Status read_set(std::string_view text, std::vector<std::string>* set) {
  if (text.size() < 2 || text.back() != '}') return invalid("expected a set like {{left,right}}");
  std::string_view inner = strip(text.substr(1, text.size() - 2));
  if (inner.empty()) return absl::OkStatus();
  std::string_view token;
  while (next_token(inner, ',', &token)) {
    if (set->size() == kMaxCustomItems) return invalid("more than {} items", kMaxCustomItems);
    if (auto ok = unescape(token, &set->emplace_back()); !ok.ok()) return ok;
  }
  return absl::OkStatus();
}

absl::Status read_custom(const Part& part, CustomResource* out) {
  out->name = std::string(part.name);
  if (auto ok = check_custom_name(part.name); !ok.ok()) return ok;
  if (part.value.starts_with('[')) {
    return read_ranges(part.value, kMaxCustomItems,
                       &out->value.emplace<std::vector<CustomRange>>());
  }
  if (part.value.starts_with('{')) {
    return read_set(part.value, &out->value.emplace<std::vector<std::string>>());
  }
  const absl::StatusOr<Milli> amount = parse_milli(part.value);
  if (!amount.ok()) {
    return invalid("{}, ranges like [1-9] or a set like {{left,right}}",
                   message_of(amount.status()));
  }
  out->value = *amount;
  return absl::OkStatus();
}

// What was read for one combination of tags.
struct Entry {
  LotTags tags;
  Amounts amounts;
  std::vector<CustomResource> custom;
  std::array<bool, kResourceKinds + 1> seen{};  // ports are the last
};

absl::Status read_known(const Part& part, std::size_t kind, Entry* entry) {
  if (std::exchange(entry->seen[kind], true)) return invalid("named twice");
  if (kind == kResourceKinds) {
    PortSet::Ranges ranges;
    if (auto ok = read_ranges(part.value, kMaxPortRanges, &ranges); !ok.ok()) return ok;
    absl::StatusOr<PortSet> ports = PortSet::from_ranges(std::move(ranges));
    if (!ports.ok()) return ports.status();
    entry->amounts.ports = *std::move(ports);
    return absl::OkStatus();
  }
  Milli* const fields[kResourceKinds] = {&entry->amounts.cpus, &entry->amounts.mem,
                                         &entry->amounts.disk, &entry->amounts.gpus};
  const absl::StatusOr<Milli> amount = parse_milli(part.value);
  if (!amount.ok()) return amount.status();
  *fields[kind] = *amount;
  return check_scalar(*amount, static_cast<ResourceKind>(kind), part.name);
}

absl::Status read_value(const Part& part, Entry* entry) {
  const auto known = std::find(kResourceNames.begin(), kResourceNames.end(), part.name);
  const auto kind = static_cast<std::size_t>(known - kResourceNames.begin());
  const bool is_disk = kind == static_cast<std::size_t>(ResourceKind::kDisk);
  if ((part.tags.volume || part.tags.disk_kind != DiskKind::kRoot) && !is_disk) {
    return invalid("only disk can be a volume, a path or a mount");
  }
  if (kind < kResourceKinds || part.name == kPorts) {
    if (auto ok = read_known(part, kind, entry); !ok.ok()) return ok;
    if (part.tags.volume && entry->amounts.disk == 0) return invalid("a volume of size 0");
    return absl::OkStatus();
  }
  CustomResource custom;
  if (auto ok = read_custom(part, &custom); !ok.ok()) return ok;
  for (const CustomResource& other : entry->custom) {
    if (other.name == custom.name) return invalid("named twice");
  }
  if (entry->custom.size() == kMaxCustomResources) {
    return invalid("more than {} custom resources", kMaxCustomResources);
  }
  // Alone first, so that the error names this part.
  CustomResources alone;
  if (auto ok = CustomResources::make({custom}, &alone); !ok.ok()) return ok;
  entry->custom.push_back(std::move(custom));
  return absl::OkStatus();
}

// --- printing ---

std::string to_text(const std::vector<CustomRange>& ranges) {
  std::string out;
  for (const CustomRange& range : ranges) {
    out += fmt::format("{}{}-{}", out.empty() ? "[" : ",", range.begin, range.end);
  }
  return out + "]";
}

std::string to_text(const std::vector<std::string>& set) {
  std::string out;
  for (const std::string& item : set) out += (out.empty() ? "{" : ",") + percent_escape(item);
  return out + "}";
}

std::string to_text(Milli value) { return milli_to_string(value); }

void append_amounts(std::string& out, std::string_view tags, const Amounts& amounts) {
  const auto append = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}{}{}:{}", out.empty() ? "" : ";", name, tags, value);
  };
  const Quantities quantities = amounts.quantities();
  for (std::size_t i = 0; i < kResourceKinds; ++i) {
    if (quantities[i] != 0) append(kResourceNames[i], milli_to_string(quantities[i]));
  }
  if (!amounts.ports.empty()) {
    std::string ranges;
    for (const PortRange& range : amounts.ports.ranges()) {
      ranges += fmt::format("{}{}-{}", ranges.empty() ? "[" : ",", range.begin, range.end);
    }
    append(kPorts, ranges + "]");
  }
  for (const CustomResource& item : amounts.custom.items()) {
    append(item.name, std::visit([](const auto& value) { return to_text(value); }, item.value));
  }
}

}  // namespace

absl::StatusOr<Resources> parse_resources(std::string_view text) {
  Resources resources;
  if (strip(text) == kNothing) return resources;
  std::vector<Entry> entries;
  std::string_view token;
  while (next_token(text, ';', &token)) {
    if (token.empty()) continue;
    Part part;
    if (auto ok = read_part(token, &part); !ok.ok()) return refuse(token, message_of(ok));
    auto entry = std::find_if(entries.begin(), entries.end(),
                              [&](const Entry& e) { return e.tags == part.tags; });
    if (entry == entries.end()) {
      if (entries.size() > kMaxLots) {
        return refuse(token, fmt::format("more than {} different tags", kMaxLots));
      }
      entries.push_back({part.tags, {}, {}, {}});
      entry = entries.end() - 1;
    }
    if (auto ok = read_value(part, &*entry); !ok.ok()) return refuse(token, message_of(ok));
  }
  for (Entry& entry : entries) {
    if (auto ok = CustomResources::make(std::move(entry.custom), &entry.amounts.custom); !ok.ok()) {
      return invalid("resources: {}", message_of(ok));
    }
    resources.add(std::make_shared<const LotTags>(std::move(entry.tags)), entry.amounts);
  }
  if (auto ok = check_resources(resources); !ok.ok()) {
    return invalid("resources: {}", message_of(ok));
  }
  return resources;
}

std::string to_string(const Amounts& amounts) {
  std::string out;
  append_amounts(out, {}, amounts);
  return out.empty() ? std::string(kNothing) : out;
}

std::string to_string(const Resources& resources) {
  std::string out;
  append_amounts(out, {}, resources);
  for (const Lot& lot : resources.lots) append_amounts(out, to_string(*lot.tags), lot.amounts);
  return out.empty() ? std::string(kNothing) : out;
}

}  // namespace shoal::core
