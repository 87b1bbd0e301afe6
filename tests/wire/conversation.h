// Recorded conversations: the frames of a release, byte for byte and in both directions, in
// tests/golden/<release>/conversations/<name>.txt. A test plays one side of a recording to today's
// software and compares what that answers. The form of the files: tests/golden/README.md.
//
// Ids differ from run to run. A recording holds a name ("{offer.1}") in place of every id, and what
// it was when it was recorded. Whoever says an id first draws it: when that is the side that is
// played, it is the recorded one, and otherwise what today's answer has in that place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/wire/facts.h"
#include "wire/message.h"

namespace shoal::wire {

using Names = std::map<std::string, std::string>;  // of ids: "offer.1" -> its bytes

// One frame, or the end of a connection.
struct Line {
  std::string note{};        // what people should know before they read on; may be empty
  std::string peer{};        // who talks with the master: "agent", "framework"
  bool is_break = false;     // the peer's connection is lost; nothing below counts
  bool from_master = false;  // or else from the peer
  MessageKind kind{};
  std::string hex{};  // of the whole frame, with names of ids
};

struct Conversation {
  Names ids;
  std::vector<Line> lines;
};

// Errors: INVALID_ARGUMENT, with the number of the line and what is wrong with it.
absl::StatusOr<Conversation> parse_conversation(std::string_view text);
std::string to_text(const Conversation& conversation);

// tests/golden/0.1/conversations/agent.txt: where this release records, and what every release has
// recorded.
std::filesystem::path path_to_record(std::string_view name);
std::vector<std::filesystem::path> recorded(std::string_view name);
absl::StatusOr<Conversation> read_conversation(const std::filesystem::path& path);

// One run of a recording against today's software. The conversation outlives it.
class Replay {
 public:
  explicit Replay(const Conversation& conversation) : conversation_(conversation) {}

  // What the recording says here, with the ids of this run and the asker's own correlation.
  ByteVector say(const Line& line);

  // What today's software said in the place of `line`: "", or in what it does not mean the same.
  // Draws the ids that it is the first to say.
  std::string hear(const Line& line, const FrameView& today);

 private:
  // `unknown` stands for ids that nobody has said yet.
  ByteVector expand(const Line& line, std::map<std::string, std::string>& unknown) const;
  std::string compare(const Fact& recorded, const Fact& today, const Names& unknown);

  const Conversation& conversation_;
  Names ids_;
  std::map<std::pair<std::string, std::uint32_t>, std::uint32_t> correlations_;  // recorded -> now
};

// Makes a recording of frames as they come.
class Recorder {
 public:
  // Before the next line.
  void note(std::string text) { note_ = std::move(text); }
  // Errors: INVALID_ARGUMENT when an id cannot be found in the frame's bytes.
  absl::Status add(std::string_view peer, bool from_master, Bytes frame);
  void add_break(std::string_view peer);

  const Conversation& conversation() const { return conversation_; }

 private:
  void name_ids(const Facts& facts);
  absl::StatusOr<std::string> with_names(Bytes frame, const Facts& facts) const;

  std::string note_;
  std::map<std::pair<std::string, std::string>, std::string> names_;  // (sort, bytes) -> name
  Conversation conversation_;
};

// A frame at an 8-byte boundary, as receivers have it. Valid as long as `frame`. Errors as
// next_frame(), and when it is not one whole frame.
absl::StatusOr<FrameView> view_of(const ByteVector& frame);

}  // namespace shoal::wire
