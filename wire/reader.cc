#include "wire/reader.h"

#include <algorithm>

#include "core/status.h"
#include "core/text.h"
#include "wire/common_generated.h"

namespace shoal::wire {
namespace {

std::string_view view(const flatbuffers::String* in) {
  return in == nullptr ? std::string_view() : std::string_view(in->c_str(), in->size());
}

}  // namespace

absl::Status Reader::status() const {
  return ok() ? absl::OkStatus() : absl::InvalidArgumentError(fault_);
}

void Reader::append_path(const Place& place, std::string& out) {
  if (place.parent != nullptr) {
    append_path(*place.parent, out);
    out += '.';
  }
  out += place.field;
  if (place.index >= 0) out += fmt::format("[{}]", place.index);
}

void Reader::fail(std::string_view field, std::string_view what) {
  if (!ok()) return;
  append_path(*place_, fault_);
  if (!field.empty()) fault_ += fmt::format(".{}", field);
  fault_ += fmt::format(": {}", what);
}

void Reader::fail_size(std::string_view field, std::size_t size, std::size_t limit,
                       std::string_view unit) {
  fail(field, fmt::format("has {} {}; the limit is {}", size, unit, limit));
}

void Reader::fail_number(std::string_view field, std::int64_t number) {
  fail(field, fmt::format("{} is not a known value", number));
}

void Reader::fail_twice(std::string_view field, std::string_view text) {
  fail(field, fmt::format("name '{}' twice", core::printable(text)));
}

void Reader::quantities(const core::Quantities& in, std::string_view field) {
  for (std::size_t kind = 0; kind < core::kResourceKinds && ok(); ++kind) {
    const core::Milli amount = in[kind];
    const std::string_view name = core::kResourceNames[kind];
    if (amount < 0) fail(field, fmt::format("{} is negative", name));
    if (amount > core::kMaxScalarMilli) {
      fail(field, fmt::format("{} is over {}", name, core::kMaxScalarMilli / 1000));
    }
  }
}

bool Reader::charge(std::size_t bytes) {
  if (!ok()) return false;
  if (bytes > budget_) {
    fail({}, fmt::format("describes more than {} times its size", core::kMaxApparentRatio));
    return false;
  }
  budget_ -= bytes;
  return true;
}

std::string_view Reader::text(const flatbuffers::String* in, std::string_view field,
                              Presence presence, std::size_t limit) {
  const std::string_view out = view(in);
  if (presence == kRequired && out.empty()) fail(field, "is missing or empty");
  if (out.size() > limit) fail_size(field, out.size(), limit, "bytes");
  if (!charge(out.size())) return {};
  if (!core::is_clean_text(out)) {
    fail(field, "not clean UTF-8 text");
    return {};
  }
  return out;
}

std::string_view Reader::name(const flatbuffers::String* in, std::string_view field) {
  const std::string_view out = view(in);
  if (!charge(out.size())) return {};
  if (const absl::Status status = core::check_name(out, "the name"); !status.ok()) {
    fail(field, core::message_of(status));
    return {};
  }
  return out;
}

std::string_view Reader::role(const flatbuffers::String* in, std::string_view field,
                              Presence presence) {
  if (is_empty(in) && presence == kOptional) return {};
  return role(view(in), field);
}

std::string_view Reader::role(std::string_view in, std::string_view field) {
  if (!charge(in.size())) return {};
  if (const absl::Status status = core::check_role(in); !status.ok()) {
    fail(field, core::message_of(status));
    return {};
  }
  return in;
}

std::string_view Reader::begin_joined(const flatbuffers::String* in, std::string_view field,
                                      std::size_t limit) {
  const std::string_view out = view(in);
  if (out.size() > limit) fail_size(field, out.size(), limit, "bytes");
  return charge(out.size()) ? out : std::string_view();
}

std::string_view Reader::next_joined(std::string_view& rest, std::string_view field,
                                     char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view item = rest.substr(0, end);
  // A separator at the end has an empty item behind it.
  if (item.empty() || end + 1 == rest.size()) fail(field, "holds an empty item");
  if (!core::is_clean_text(item)) fail(field, "not clean UTF-8 text");
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return item;
}

std::string_view Reader::c_text(const flatbuffers::String* in, std::string_view field) {
  const std::string_view out = view(in);
  if (!charge(out.size())) return {};
  if (out.find('\0') != std::string_view::npos) fail(field, "holds a NUL");
  return out;
}

core::BytesView Reader::bytes(const flatbuffers::Vector<std::uint8_t>* in, std::string_view field,
                              std::size_t limit) {
  if (!begin_vector(in, field, limit, 1)) return {};
  return {in->data(), in->size()};
}

std::int64_t Reader::duration_or_default(std::int64_t in, std::string_view field) {
  constexpr std::int64_t kMax = std::chrono::milliseconds(core::kMaxRefuse).count();
  if (in > kMax) fail(field, fmt::format("{} ms is over the limit of {}", in, kMax));
  return std::max<std::int64_t>(in, -1);
}

std::int64_t Reader::since(std::int64_t in, std::string_view field) {
  if (in < 0) fail(field, "is negative");
  return in;
}

core::UpdateUuid Reader::uuid(const fb::Uuid* in, std::string_view field) {
  core::UpdateUuid out{};
  if (in == nullptr) {
    fail(field, "is missing");
    return out;
  }
  std::copy_n(in->bytes()->data(), out.size(), out.begin());
  return out;
}

}  // namespace shoal::wire
