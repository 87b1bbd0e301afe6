// Random resources that check_resources accepts, with texts that try to break the text form.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/resources.h"

namespace shoal::core {

class RandomResources {
 public:
  explicit RandomResources(std::uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }

  // 1 to `limit` characters, most of them marks of the text form.
  std::string text(std::size_t limit) {
    static constexpr std::string_view kCharacters[] = {
        "a",  "b",  "%",  "(", ")", "[", "]", "{",  "}",       ",", ";", ":", "=",   " ",
        "\t", "\n", "\"", "é", "✓", "4", "'", "by", "dynamic", "-", ".", "/", "%20", "\\"};
    return pick(kCharacters, limit);
  }

  // A role: a child of `above` when there is one.
  std::string role(const std::string& above) {
    static constexpr std::string_view kCharacters[] = {"a", "b", "%", "(", ")", "[", "}", ",",
                                                       ";", ":", "=", "é", "4", "*", "."};
    std::string part = "r" + pick(kCharacters, 3);
    if (above.empty()) return part;
    return random_.chance(1, 3) ? above : above + "/" + part;
  }

  LotTags tags() {
    LotTags out;
    if (random_.chance(1, 8)) {
      out.revocable = true;
      return out;
    }
    const std::size_t depth = random_.below(4);
    bool dynamic = false;
    for (std::size_t i = 0; i < depth; ++i) {
      Reservation reservation;
      reservation.role = role(i == 0 ? std::string() : out.role());
      dynamic = dynamic || random_.chance(1, 2);
      reservation.dynamic = dynamic;
      if (dynamic && random_.chance(1, 2)) reservation.principal = text(6);
      for (std::size_t k = dynamic ? random_.below(3) : 0; k > 0; --k) {
        reservation.labels.emplace_back(text(3), random_.chance(1, 4) ? "" : text(5));
      }
      out.reservations.push_back(std::move(reservation));
    }
    if (random_.chance(1, 3)) {
      out.disk_kind = random_.chance(1, 2) ? DiskKind::kPath : DiskKind::kMount;
      out.disk_root = "/" + path();
    }
    if (out.is_reserved() && random_.chance(1, 3)) {
      out.volume = Volume{"v" + std::to_string(random_.next()), path(),
                          random_.chance(1, 2) ? text(5) : std::string(), random_.chance(1, 3)};
    }
    return out;
  }

  // Under different `turn`s below 8 no port and no custom item is the same.
  Amounts amounts(std::uint32_t turn) {
    Amounts out;
    if (random_.chance(2, 3)) out.cpus = scalar();
    if (random_.chance(1, 2)) out.mem = scalar();
    if (random_.chance(1, 3)) out.disk = scalar();
    if (random_.chance(1, 5)) out.gpus = static_cast<Milli>(random_.below(9)) * 1000;
    const auto base = turn * 100;
    if (random_.chance(1, 3)) {
      const auto a = static_cast<std::uint32_t>(random_.below(20));
      const auto b = a + static_cast<std::uint32_t>(random_.below(20));
      out.ports = PortSet::from_ranges({{base + a, base + b}, {base + 50, base + 50 + a}}).value();
    }
    std::vector<CustomResource> custom;
    if (random_.chance(1, 4)) custom.push_back({"licenses", scalar()});
    if (random_.chance(1, 4)) {
      const std::uint64_t end = ~std::uint64_t{0} - base;
      custom.push_back({"ids", std::vector<CustomRange>{{end - 9, end - 3}, {base, base + 7}}});
    }
    if (random_.chance(1, 4)) {
      custom.push_back({"bays", std::vector<std::string>{std::to_string(turn) + text(4),
                                                         std::to_string(turn) + text(4) + "x"}});
    }
    if (!CustomResources::make(std::move(custom), &out.custom).ok()) out.custom = {};
    return out;
  }

  Resources resources() {
    Resources out;
    if (random_.chance(3, 4)) static_cast<Amounts&>(out) = amounts(0);
    for (std::uint32_t turn = static_cast<std::uint32_t>(random_.below(6)); turn > 0; --turn) {
      const LotTags lot = tags();
      Amounts held = amounts(turn);
      if (lot.volume || lot.disk_kind != DiskKind::kRoot) {
        held = Amounts();
        held.disk = scalar();
      }
      Resources more = out;
      more.add(std::make_shared<const LotTags>(lot), held);
      if (check_resources(more).ok()) out = std::move(more);
    }
    return out;
  }

 private:
  template <std::size_t N>
  std::string pick(const std::string_view (&characters)[N], std::size_t limit) {
    std::string out;
    for (std::size_t n = 1 + random_.below(limit); n > 0; --n) out += characters[random_.below(N)];
    return out;
  }

  std::string path() {
    std::string out;
    for (std::size_t n = 1 + random_.below(3); n > 0; --n) {
      std::string part = text(4);
      std::erase_if(part, [](char c) { return c == '/' || c == '\n' || c == '\t'; });
      out += (out.empty() ? "p" : "/p") + part;
    }
    return out;
  }

  Milli scalar() {
    return 1 + static_cast<Milli>(random_.below(random_.chance(1, 2) ? 10'000 : 1'000'000'000));
  }

  Random random_;
};

}  // namespace shoal::core
