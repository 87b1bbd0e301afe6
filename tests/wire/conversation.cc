#include "tests/wire/conversation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/status.h"
#include "core/text.h"
#include "core/version.h"

namespace shoal::wire {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCorrelationAt = 12;
constexpr std::string_view kHead =
    "# Frames of protocol 1; tests/golden/README.md says how to read them.\n";

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ByteVector bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::optional<MessageKind> kind_named(std::string_view name) {
  for (std::uint16_t number = 1; number < 256; ++number) {
    const auto kind = static_cast<MessageKind>(number);
    if (name_of(kind) == name) return kind;
  }
  return std::nullopt;
}

std::uint32_t correlation_in(Bytes frame) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | frame[kCorrelationAt + i];
  return value;
}

void set_correlation(std::uint32_t value, ByteVector& frame) {
  for (std::size_t i = 0; i < 4; ++i) {
    frame[kCorrelationAt + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

bool is_hex(std::string_view text) {
  return text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Of text that is_hex().
std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return bytes;
}

// Bytes that stand for an id and are like no other.
std::string stand_in(std::string_view name, std::size_t size) {
  std::string bytes = fmt::format("{:016x}", std::hash<std::string_view>()(name));
  bytes.resize(size, '~');
  return bytes;
}

// Calls hex(digits) and id(name) for the parts of a line's frame, in their order. False: it is
// neither.
template <typename OnHex, typename OnId>
bool walk(std::string_view text, OnHex&& hex, OnId&& id) {
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    if (!is_hex(text.substr(0, open))) return false;
    hex(text.substr(0, open));
    text.remove_prefix(open);
    if (text.empty()) break;
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) return false;
    id(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
  }
  return true;
}

absl::Status parse_id(const std::vector<std::string_view>& words, Names& ids) {
  if (words.size() != 3 || !is_hex(words[2])) return core::invalid("an id is \"id NAME HEX\"");
  const std::string bytes = from_hex(words[2]);
  if (bytes.size() != 8 && bytes.size() != 16) return core::invalid("an id has 8 or 16 bytes");
  if (!ids.emplace(words[1], bytes).second) return core::invalid("this id is there twice");
  return absl::OkStatus();
}

absl::StatusOr<Line> parse_frame(const std::vector<std::string_view>& words, const Names& ids) {
  if (words.size() == 2 && words[1] == "broken") {
    return Line{.peer = std::string(words[0]), .is_break = true};
  }
  if (words.size() != 4 || (words[1] != ">" && words[1] != "<")) {
    return core::invalid("a line is \"PEER >|< NAME FRAME\" or \"PEER broken\"");
  }
  const std::optional<MessageKind> kind = kind_named(words[2]);
  if (!kind.has_value()) return core::invalid("no message has the name {}", words[2]);
  bool are_known = true;
  const bool is_frame = walk(
      words[3], [](std::string_view) {},
      [&](std::string_view name) { are_known = are_known && ids.contains(std::string(name)); });
  if (!is_frame) return core::invalid("the frame is not hex with {{names}} of ids");
  if (!are_known) return core::invalid("the frame names an id that no line above tells");
  return Line{.peer = std::string(words[0]),
              .from_master = words[1] == "<",
              .kind = *kind,
              .hex = std::string(words[3])};
}

}  // namespace

absl::StatusOr<Conversation> parse_conversation(std::string_view text) {
  Conversation conversation;
  int number = 0;
  for (std::string_view raw : core::split(text, '\n')) {
    ++number;
    const std::string_view line = core::strip(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string_view> words = core::split(line, ' ');
    if (words[0] == "id") {
      if (absl::Status read = parse_id(words, conversation.ids); !read.ok()) {
        return core::invalid("line {}: {}", number, core::message_of(read));
      }
      continue;
    }
    absl::StatusOr<Line> frame = parse_frame(words, conversation.ids);
    if (!frame.ok()) return core::invalid("line {}: {}", number, core::message_of(frame.status()));
    conversation.lines.push_back(*std::move(frame));
  }
  return conversation;
}

std::string to_text(const Conversation& conversation) {
  std::string text(kHead);
  for (const auto& [name, bytes] : conversation.ids) {
    text += fmt::format("id {} {}\n", name, to_hex(bytes));
  }
  for (const Line& line : conversation.lines) {
    if (!line.note.empty()) text += fmt::format("\n# {}\n", line.note);
    if (line.is_break) {
      text += fmt::format("{} broken\n", line.peer);
    } else {
      text += fmt::format("{} {} {} {}\n", line.peer, line.from_master ? '<' : '>',
                          name_of(line.kind), line.hex);
    }
  }
  return text;
}

fs::path path_to_record(std::string_view name) {
  const std::string_view release = core::kVersion.substr(0, core::kVersion.rfind('.'));
  return fs::path(SHOAL_SOURCE_DIR) / "tests/golden" / release / "conversations" /
         fmt::format("{}.txt", name);
}

std::vector<fs::path> recorded(std::string_view name) {
  std::vector<fs::path> paths;
  for (const auto& release : fs::directory_iterator(fs::path(SHOAL_SOURCE_DIR) / "tests/golden")) {
    fs::path path = release.path() / "conversations" / fmt::format("{}.txt", name);
    if (fs::exists(path)) paths.push_back(std::move(path));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<Conversation> read_conversation(const fs::path& path) {
  std::ifstream stream(path);
  if (!stream) return absl::NotFoundError(path.string());
  return parse_conversation(std::string(std::istreambuf_iterator<char>(stream), {}));
}

absl::StatusOr<FrameView> view_of(const ByteVector& frame) {
  FrameView view;
  const absl::StatusOr<FrameProgress> progress = next_frame(frame, core::kMaxFrameBytes, &view);
  if (!progress.ok()) return progress.status();
  if (*progress != FrameProgress::kFrame || view.total_bytes() != frame.size()) {
    return core::invalid("{} bytes are not one frame", frame.size());
  }
  return view;
}

// --- replay ---

ByteVector Replay::expand(const Line& line, Names& unknown) const {
  std::string bytes;
  walk(
      line.hex, [&](std::string_view hex) { bytes += from_hex(hex); },
      [&](std::string_view named) {
        const std::string name(named);
        if (const auto known = ids_.find(name); known != ids_.end()) {
          bytes += known->second;
        } else {
          const std::size_t size = conversation_.ids.at(name).size();
          bytes += unknown.emplace(name, stand_in(name, size)).first->second;
        }
      });
  return bytes_of(bytes);
}

ByteVector Replay::say(const Line& line) {
  walk(
      line.hex, [](std::string_view) {},
      [&](std::string_view name) {
        ids_.insert(*conversation_.ids.find(std::string(name)));  // unless it is known
      });
  Names unknown;
  ByteVector frame = expand(line, unknown);
  const auto asked = correlations_.find({line.peer, correlation_in(frame)});
  if (line.from_master && asked != correlations_.end()) set_correlation(asked->second, frame);
  return frame;
}

std::string Replay::hear(const Line& line, const FrameView& today) {
  const auto kind = static_cast<MessageKind>(today.header.kind);
  if (kind != line.kind) {
    return fmt::format("{} instead of {}", name_of(kind), name_of(line.kind));
  }
  Names unknown;
  const ByteVector frame = expand(line, unknown);
  const absl::StatusOr<FrameView> view = view_of(frame);
  if (!view.ok()) return fmt::format("the recording: {}", core::message_of(view.status()));
  const absl::StatusOr<Facts> then = facts_of(*view);
  const absl::StatusOr<Facts> now = facts_of(today);
  if (!then.ok()) return fmt::format("the recording: {}", core::message_of(then.status()));
  if (!now.ok()) return std::string(core::message_of(now.status()));
  if (!line.from_master) {
    correlations_[{line.peer, view->header.correlation}] = today.header.correlation;
  } else if (view->header.correlation != today.header.correlation) {
    return fmt::format("{} answers {} instead of {}", name_of(kind), today.header.correlation,
                       view->header.correlation);
  }
  if (view->header.flags != today.header.flags) {
    return fmt::format("{} has other flags", name_of(kind));
  }
  for (std::size_t i = 0; i < std::min(then->size(), now->size()); ++i) {
    if (std::string fault = compare((*then)[i], (*now)[i], unknown); !fault.empty()) {
      return fmt::format("{}.{}", name_of(kind), fault);
    }
  }
  return then->size() == now->size() ? "" : fmt::format("{} has other lists", name_of(kind));
}

// Lists tell their size first, so facts of different names are never compared.
std::string Replay::compare(const Fact& recorded, const Fact& today, const Names& unknown) {
  const std::string fault = fmt::format("{} instead of {}", to_string(today), to_string(recorded));
  if (!holds(recorded, today)) return fault;
  if (recorded.rule != FactRule::kId || recorded.value == today.value) return "";
  for (const auto& [name, bytes] : unknown) {
    if (bytes != recorded.value) continue;
    const auto [drawn, is_first] = ids_.emplace(name, today.value);
    if (is_first || drawn->second == today.value) return "";
  }
  return fault;
}

// --- recorder ---

void Recorder::name_ids(const Facts& facts) {
  for (const Fact& fact : facts) {
    if (fact.rule != FactRule::kId) continue;
    const std::string sort(fact.sort);
    if (names_.contains({sort, fact.value})) continue;
    const auto same = std::count_if(names_.begin(), names_.end(),
                                    [&](const auto& entry) { return entry.first.first == sort; });
    const std::string name = fmt::format("{}.{}", sort, same + 1);
    names_.emplace(std::pair(sort, fact.value), name);
    conversation_.ids.emplace(name, fact.value);
  }
}

namespace {

// Whether the bytes at `at` are the id of `fact` and nothing else: other ones there change that
// fact, perhaps others of the same id, and no more.
bool is_id_at(const ByteVector& frame, std::size_t at, const Fact& fact, const Facts& facts) {
  ByteVector changed = frame;
  const std::string other = stand_in("another", fact.value.size());
  std::memcpy(changed.data() + at, other.data(), other.size());
  const absl::StatusOr<FrameView> view = view_of(changed);
  if (!view.ok()) return false;
  const absl::StatusOr<Facts> now = facts_of(*view);
  if (!now.ok() || now->size() != facts.size()) return false;
  bool has_changed = false;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if ((*now)[i].rule == FactRule::kId && (*now)[i].value == other) {
      if (facts[i].sort != fact.sort || facts[i].value != fact.value) return false;
      has_changed = true;
    } else if (to_string((*now)[i]) != to_string(facts[i])) {
      return false;
    }
  }
  return has_changed;
}

}  // namespace

absl::StatusOr<std::string> Recorder::with_names(Bytes frame, const Facts& facts) const {
  const ByteVector bytes(frame.begin(), frame.end());
  std::map<std::size_t, const Fact*> places;
  for (const Fact& fact : facts) {
    if (fact.rule != FactRule::kId) continue;
    bool is_found = false;
    for (std::size_t at = text_of(frame).find(fact.value, core::kFrameHeaderBytes);
         at != std::string_view::npos; at = text_of(frame).find(fact.value, at + 1)) {
      if (!is_id_at(bytes, at, fact, facts)) continue;
      places.emplace(at, &fact);
      is_found = true;
    }
    if (!is_found) return core::invalid("{} is not to be found", to_string(fact));
  }
  std::string hex;
  std::size_t done = 0;
  for (const auto& [at, fact] : places) {
    hex += to_hex(text_of(frame.subspan(done, at - done)));
    hex += fmt::format("{{{}}}", names_.at({std::string(fact->sort), fact->value}));
    done = at + fact->value.size();
  }
  return hex + to_hex(text_of(frame.subspan(done)));
}

absl::Status Recorder::add(std::string_view peer, bool from_master, Bytes frame) {
  const ByteVector bytes(frame.begin(), frame.end());
  const absl::StatusOr<FrameView> view = view_of(bytes);
  if (!view.ok()) return view.status();
  const absl::StatusOr<Facts> facts = facts_of(*view);
  if (!facts.ok()) return facts.status();
  name_ids(*facts);
  absl::StatusOr<std::string> hex = with_names(frame, *facts);
  if (!hex.ok()) return hex.status();
  conversation_.lines.push_back(Line{.note = std::exchange(note_, {}),
                                     .peer = std::string(peer),
                                     .from_master = from_master,
                                     .kind = static_cast<MessageKind>(view->header.kind),
                                     .hex = *std::move(hex)});
  return absl::OkStatus();
}

void Recorder::add_break(std::string_view peer) {
  conversation_.lines.push_back(
      Line{.note = std::exchange(note_, {}), .peer = std::string(peer), .is_break = true});
}

}  // namespace shoal::wire
