// How JSON is written here: the fields of an open object. A read of all tasks writes 25 strings and
// numbers for each of hundreds of thousands, so what is plain goes past RapidJSON's loops.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/cluster_view.h"
#include "core/quantities.h"

namespace shoal::master {

using Buffer = rapidjson::StringBuffer;

// RapidJSON's writer with short ways for text without anything to escape, and for ready numbers.
class Writer : public rapidjson::Writer<Buffer> {
 public:
  explicit Writer(Buffer& buffer) : rapidjson::Writer<Buffer>(buffer) {}

  // A value or, where an object expects one, a name.
  void text(std::string_view text);
  void number(std::string_view digits) { raw(digits, rapidjson::kNumberType); }

 private:
  void raw(std::string_view text, rapidjson::Type type);
};

// "2026-01-31T12:00:00.250Z"
std::string iso_time(std::int64_t wall_ms);

inline void put_key(Writer& writer, std::string_view key) { writer.text(key); }

inline void put_text(Writer& writer, std::string_view text) { writer.text(text); }

inline void put(Writer& writer, std::string_view key, std::string_view value) {
  put_key(writer, key);
  put_text(writer, value);
}

inline void put(Writer& writer, std::string_view key, std::int64_t value) {
  put_key(writer, key);
  writer.Int64(value);
}

inline void put_bool(Writer& writer, std::string_view key, bool value) {
  put_key(writer, key);
  writer.Bool(value);
}

inline void put_null(Writer& writer, std::string_view key) {
  put_key(writer, key);
  writer.Null();
}

// Three decimals at most, written exactly: a double would show 0.30000000000000004.
inline void put_milli(Writer& writer, std::string_view key, core::Milli value) {
  put_key(writer, key);
  if (value % 1000 == 0) {
    writer.Int64(value / 1000);
  } else {
    writer.number(core::milli_to_string(value));
  }
}

// null when `wall_ms` is 0.
inline void put_time(Writer& writer, std::string_view key, std::int64_t wall_ms) {
  if (wall_ms == 0) return put_null(writer, key);
  put(writer, key, iso_time(wall_ms));
}

// Of an agent that is draining or drained; null for others.
inline void put_drain(Writer& writer, core::AgentMode mode, const core::Drain& drain) {
  if (mode != core::AgentMode::kDraining && mode != core::AgentMode::kDrained) {
    return put_null(writer, "drain");
  }
  put_key(writer, "drain");
  writer.StartObject();
  put(writer, "max_grace_ms", drain.max_grace_ms);
  put_bool(writer, "mark_gone", drain.mark_gone);
  put_time(writer, "started", drain.started_ms);
  put_time(writer, "ended", drain.ended_ms);
  writer.EndObject();
}

inline constexpr std::array<std::string_view, core::kResourceKinds> kQuantityKeys = {
    "cpus", "mem_mib", "disk_mib", "gpus"};

// null: no limit.
inline void put_quantities(Writer& writer, std::string_view key,
                           const core::Quantities& quantities) {
  put_key(writer, key);
  writer.StartObject();
  for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
    if (quantities[kind] == core::kNoLimit) {
      put_null(writer, kQuantityKeys[kind]);
    } else {
      put_milli(writer, kQuantityKeys[kind], quantities[kind]);
    }
  }
  writer.EndObject();
}

}  // namespace shoal::master
