// The semantic check of one received message. The FlatBuffers verifier only proves that reading
// stays inside the buffer; whether a field makes sense is asked here, one call per field, while it
// is copied into the core message.
//
// The first fault wins: it becomes one line such as "RegisterAgent.tasks[3].id: is empty", and
// every later call does nothing and gives an empty value. So a conversion is a plain list of fields
// without a branch between them.
//
// Amplification: offsets may share what they point to, so a small buffer can describe a huge
// message. Everything that is read is charged to a budget of kMaxApparentRatio times the wire size.
//
// Internal to wire: included by its .cc files only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/messages.h"
#include "flatbuffers/flatbuffers.h"
#include "wire/frame.h"

namespace shoal::wire {

namespace fb {
struct Uuid;
}

class Reader {
 public:
  enum Presence : bool { kOptional = false, kRequired = true };

  template <typename T>
  using TableVector = flatbuffers::Vector<flatbuffers::Offset<T>>;

  // `message` is the first part of every error; `wire_bytes` the size of the payload.
  Reader(std::string_view message, std::size_t wire_bytes)
      : budget_(core::kMaxApparentRatio * wire_bytes + kBudgetFloor), root_{nullptr, message, -1} {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool ok() const { return fault_.empty(); }
  // OK, or INVALID_ARGUMENT with the first fault.
  absl::Status status() const;

  // Records "<path>.<field>: <what>" unless there is a fault already.
  void fail(std::string_view field, std::string_view what);
  void require(bool condition, std::string_view field, std::string_view what) {
    if (!condition) fail(field, what);
  }

  // Clean text (core::is_clean_text) of at most `limit` bytes.
  std::string_view text(const flatbuffers::String* in, std::string_view field,
                        Presence presence = kOptional, std::size_t limit = core::kMaxTextBytes);
  std::string_view task_name(const flatbuffers::String* in) {
    return text(in, "name", kOptional, core::kMaxTaskNameBytes);
  }
  // A name that may become a file name (core::check_name). Always required.
  std::string_view name(const flatbuffers::String* in, std::string_view field);
  std::string_view optional_name(const flatbuffers::String* in, std::string_view field) {
    return is_empty(in) ? std::string_view() : name(in, field);
  }
  // A role (core::check_role).
  std::string_view role(const flatbuffers::String* in, std::string_view field,
                        Presence presence = kOptional);
  std::string_view role(std::string_view in, std::string_view field);
  // Of a fault domain: each a name or empty, both or none.
  void region_and_zone(const auto& in, auto& out) {
    out.region = optional_name(in.region(), "region");
    out.zone = optional_name(in.zone(), "zone");
    require(out.region.empty() == out.zone.empty(), "zone",
            "and region stand together or not at all");
  }
  // f(item) for every part of a joined text of at most `limit` bytes; each is clean text.
  template <typename F>
  void joined(const flatbuffers::String* in, std::string_view field, char separator,
              std::size_t limit, F&& f) {
    for (std::string_view rest = begin_joined(in, field, limit); !rest.empty() && ok();) {
      const std::string_view item = next_joined(rest, field, separator);
      if (ok()) f(item);
    }
  }
  // At most `limit` bytes with any content.
  core::BytesView bytes(const flatbuffers::Vector<std::uint8_t>* in, std::string_view field,
                        std::size_t limit);
  // Bytes without a NUL, as the kernel takes for arguments and paths.
  std::string_view c_text(const flatbuffers::String* in, std::string_view field);

  // A number that may not be zero: an id, an incarnation, an interval.
  template <typename Number>
  Number nonzero(Number in, std::string_view field) {
    if (in == 0) fail(field, "is missing or zero");
    return in;
  }
  core::FrameworkId framework_id(std::uint64_t in) { return {nonzero(in, "framework")}; }
  core::AgentId agent_id(std::uint64_t in) { return {nonzero(in, "agent")}; }

  // Milliseconds up to core::kMaxRefuse; any negative number means "the default" and becomes -1.
  std::int64_t duration_or_default(std::int64_t in, std::string_view field);
  // Milliseconds since 1970, or an age: not negative.
  std::int64_t since(std::int64_t in, std::string_view field);
  core::UpdateUuid uuid(const fb::Uuid* in, std::string_view field);
  // Milli-units: 0 to core::kMaxScalarMilli.
  void quantities(const core::Quantities& in, std::string_view field);

  // `count` is the number of values; they are dense from 0.
  template <typename To, typename From>
  To enumerated(From in, std::uint8_t count, std::string_view field) {
    static_assert(std::is_same_v<std::underlying_type_t<To>, std::underlying_type_t<From>>);
    if (static_cast<std::uint8_t>(in) < count) return static_cast<To>(in);
    fail_number(field, static_cast<std::uint8_t>(in));
    return To{};
  }

  // One table, by the overload read(Reader&, const T&, Out&). `out` keeps its value when absent.
  template <typename T, typename Out>
  void table(const T* in, std::string_view field, Out& out, Presence presence = kOptional) {
    if (in == nullptr) {
      if (presence == kRequired) fail(field, "is missing");
      return;
    }
    const Scope scope(*this, field);
    if (charge(kTableBytes)) read(*this, *in, out);
  }

  // A vector of tables, each by read(); `out` gets one element per table.
  template <typename T, typename Out>
  void each(const TableVector<T>* in, std::string_view field, std::size_t limit, Out& out) {
    if (!begin_vector(in, field, limit, kTableBytes)) return;
    Scope scope(*this, field);
    out.reserve(in->size());
    for (const T* item : *in) {
      scope.next();
      out.emplace_back();
      read(*this, *item, out.back());
      if (!ok()) return;
    }
  }

  // Structs, scalars or strings: `make(item)` gives one element of `out`.
  template <typename T, typename Out, typename Make>
  void values(const flatbuffers::Vector<T>* in, std::string_view field, std::size_t limit, Out& out,
              Make&& make) {
    if (!begin_vector(in, field, limit, size_of<T>())) return;
    // The verifier checks where the vector's length lies, not where its elements do.
    if (in->size() > 0 && reinterpret_cast<std::uintptr_t>(in->Data()) % alignment_of<T>() != 0) {
      return fail(field, "is not aligned");
    }
    Scope scope(*this, field);
    out.reserve(in->size());
    // NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape): Scope's destructor takes it back
    for (flatbuffers::uoffset_t i = 0; i < in->size() && ok(); ++i) {
      scope.next();
      out.push_back(make(in->Get(i)));
    }
  }

  void offer_ids(const flatbuffers::Vector<std::uint64_t>* in, auto& out) {
    values(in, "offers", core::kMaxVectorItems, out,
           [](std::uint64_t id) { return core::OfferId::unpack(id); });
  }
  // Distinct roles.
  void roles(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* in,
             std::string_view field, core::RoleViews& out) {
    values(in, field, core::kMaxRolesPerFramework, out,
           [&](const flatbuffers::String* text) { return role(text, {}, kRequired); });
    distinct(out, field, [](std::string_view role) { return role; });
  }
  // Refuses `items` of which two have the same text, and says which.
  template <typename Items, typename TextOf>
  void distinct(const Items& items, std::string_view field, TextOf&& text_of) {
    if (items.size() < 2 || !ok()) return;
    absl::InlinedVector<std::string_view, 64> sorted;
    sorted.reserve(items.size());
    for (const auto& item : items) sorted.push_back(text_of(item));
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) fail_twice(field, *twice);
  }

 private:
  // What a small honest message may cost on top of the ratio; and one table, which an honest sender
  // pays with at least 8 bytes (offset to it, offset to a shared vtable).
  static constexpr std::size_t kBudgetFloor = 1024;
  static constexpr std::size_t kTableBytes = 8 * core::kMaxApparentRatio;

  // Where in the message we are: a list on the stack from the innermost field to the root.
  struct Place {
    const Place* parent;
    std::string_view field;
    std::int64_t index;  // -1: not an element
  };
  class Scope {
   public:
    Scope(Reader& reader, std::string_view field)
        : reader_(reader), place_{reader.place_, field, -1} {
      reader_.place_ = &place_;
    }
    ~Scope() { reader_.place_ = place_.parent; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    void next() { ++place_.index; }

   private:
    Reader& reader_;
    Place place_;
  };

  // Of one element as it lies in the buffer: a number, a struct (T is a pointer to it) or an
  // offset.
  template <typename T>
  static constexpr std::size_t alignment_of() {
    if constexpr (std::is_arithmetic_v<T>) return alignof(T);
    if constexpr (std::is_pointer_v<T>) return alignof(std::remove_pointer_t<T>);
    return alignof(flatbuffers::uoffset_t);
  }
  // What reading one costs: a view where there is an offset.
  template <typename T>
  static constexpr std::size_t size_of() {
    if constexpr (std::is_pointer_v<T>) return sizeof(std::remove_pointer_t<T>);
    return sizeof(typename flatbuffers::Vector<T>::return_type);
  }
  static bool is_empty(const flatbuffers::String* in) { return in == nullptr || in->size() == 0; }

  // Whether the elements may be read: present, within `limit` and the budget.
  template <typename T>
  bool begin_vector(const flatbuffers::Vector<T>* in, std::string_view field, std::size_t limit,
                    std::size_t item_bytes) {
    if (in == nullptr || !ok()) return false;
    if (in->size() > limit) {
      fail_size(field, in->size(), limit, "items");
      return false;
    }
    return charge(in->size() * item_bytes);
  }

  std::string_view begin_joined(const flatbuffers::String* in, std::string_view field,
                                std::size_t limit);
  std::string_view next_joined(std::string_view& rest, std::string_view field, char separator);

  bool charge(std::size_t bytes);
  void fail_size(std::string_view field, std::size_t size, std::size_t limit,
                 std::string_view unit);
  void fail_number(std::string_view field, std::int64_t number);
  void fail_twice(std::string_view field, std::string_view text);
  static void append_path(const Place& place, std::string& out);

  std::size_t budget_;  // bytes that may still be read
  const Place root_;
  const Place* place_ = &root_;
  std::string fault_;
};

// How a process ended, for every table that has the two optional fields.
template <typename Table, typename Out>
void read_exit(Reader& reader, const Table& in, Out& out) {
  const flatbuffers::Optional<std::int32_t> code = in.exit_code();
  const flatbuffers::Optional<std::int32_t> signal = in.exit_signal();
  out.has_exit = code.has_value() || signal.has_value();
  out.exit_code = code.value_or(0);
  out.exit_signal = signal.value_or(0);
  reader.require(!code || !signal, "exit_code", "stands beside exit_signal");
  reader.require(!code || (*code >= 0 && *code <= 255), "exit_code", "is not within 0 to 255");
  reader.require(!signal || (*signal >= 1 && *signal <= 64), "exit_signal",
                 "is not within 1 to 64");
}

}  // namespace shoal::wire
