// What a message of a recorded conversation says, as a flat list of named values. Two versions of a
// message mean the same when the facts of the older one hold in the newer one, whatever else that
// says. Left out is what may differ from run to run or is for people: texts of refusals and
// updates, names of software, wall clocks, incarnations, and addresses of agents as they say them
// themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/ids.h"
#include "wire/message.h"

namespace shoal::wire {

enum class FactRule : std::uint8_t {
  kSame,       // the same value
  kBits,       // these bits, and perhaps more
  kProtocols,  // this range of protocols, or a wider one
  kId,         // the same thing; its id is drawn anew in every run
};

struct Fact {
  std::string name{};  // "tasks[0].state"
  FactRule rule = FactRule::kSame;
  std::string value{};         // as text; of an id its bytes
  std::uint64_t low = 0;       // the bits; of protocols the lowest
  std::uint64_t high = 0;      // of protocols the highest
  std::string_view sort = {};  // of an id: "agent", "offer"
};
using Facts = std::vector<Fact>;

// Of one frame of a kind that the recorded conversations hold. Errors: INVALID_ARGUMENT when it
// cannot be decoded, UNIMPLEMENTED for other kinds.
absl::StatusOr<Facts> facts_of(const FrameView& frame);

// Whether `today` says what `recorded` does; ids are not looked at.
bool holds(const Fact& recorded, const Fact& today);

// "state: RUNNING", for people.
std::string to_string(const Fact& fact);

// "5348…", without spaces.
std::string to_hex(std::string_view bytes);

}  // namespace shoal::wire
