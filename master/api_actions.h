// What operators do over HTTP: each request becomes the message that the command line would send,
// and its answer the response.
//
// Threads: its reactor's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/outbox.h"
#include "core/shard.h"
#include "core/time.h"
#include "net/http_server.h"

namespace shoal::master {

// The session in whose name the API calls handlers; no connection has it.
inline constexpr core::SessionId kApiSession{~std::uint64_t{0}};

class ApiActions {
 public:
  ApiActions(core::Shard& shard, core::Outbox& outbox) : shard_(shard), outbox_(outbox) {}

  // `path`: what follows /v1/, at its slashes. False: there is no such action.
  bool act(const std::vector<std::string>& path, const net::HttpRequest& request,
           const net::HttpResponder& responder, core::TimePoint now);
  // The methods that act() knows for the path, for 405; empty: none.
  static std::string_view methods_of(const std::vector<std::string>& path);

  // GET /v1/explain: why a framework has no offer.
  void explain(const net::HttpRequest& request, const net::HttpResponder& responder,
               core::TimePoint now);

  // What handlers answer, by the number that they were called with.
  void on_answer(const core::PeerMessage& message, std::uint32_t correlation);
  // Gives up on what was not answered in kApiActionTimeout.
  void check(core::TimePoint now);

 private:
  struct Pending {
    net::HttpResponder responder;
    core::TimePoint deadline;
  };
  class Call;

  std::uint32_t begin(const net::HttpResponder& responder, core::TimePoint now);

  core::Shard& shard_;
  core::Outbox& outbox_;
  std::uint32_t last_ = 0;
  absl::flat_hash_map<std::uint32_t, Pending> pending_;
};

}  // namespace shoal::master
