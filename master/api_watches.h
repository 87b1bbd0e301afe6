// Watchers of the operator API: GET /v1/events, a stream of server-sent events from all shards, in
// order for each shard. A watcher that reads slowly is asked for later; what it misses meanwhile is
// counted for it, not kept for it.
//
// Threads: its reactor's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/shard.h"
#include "master/api_mail.h"
#include "master/api_shard.h"
#include "net/http_server.h"

namespace shoal::master {

class ApiWatches {
 public:
  // `incarnation`: a cursor of another one is of another life of the master.
  ApiWatches(const core::Shard& shard, ApiShard::Send send, std::uint64_t incarnation)
      : shard_(shard), send_(std::move(send)), incarnation_(incarnation) {}

  void watch(const net::HttpRequest& request, const net::HttpResponder& responder);
  void on_part(const EventsPart& part);
  // Now and then: signs of life, so that both sides notice when the other has gone.
  void keep_alive();

 private:
  struct Watch {
    net::HttpResponder responder;
    EventFilter filter;
    bool follows = true;
    struct Place {
      std::uint64_t next = 0;
      bool is_known = false;         // next is where the watcher is
      bool has_to_be_asked = false;  // when the client has read
      bool is_done = false;          // without follows: it has all of that shard
    };
    std::vector<Place> places;  // of each shard
  };

  // Where a cursor is, shard by shard; an error when it is none. Empty: of an earlier life.
  absl::StatusOr<std::vector<std::uint64_t>> parse_cursor(std::string_view cursor) const;
  std::string cursor_of(const Watch& watch) const;
  std::string write_lines(Watch& watch, const EventsPart& part) const;
  void ask(std::uint64_t id, Watch& watch, std::uint32_t shard,
           EventsAsk::From from = EventsAsk::From::kNumber);
  void ask_all_waiting(std::uint64_t id);
  void end(std::uint64_t id);

  const core::Shard& shard_;
  ApiShard::Send send_;
  const std::uint64_t incarnation_;
  std::uint64_t last_id_ = 0;
  absl::flat_hash_map<std::uint64_t, Watch> watches_;
};

}  // namespace shoal::master
