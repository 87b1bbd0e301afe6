// The operator API over HTTP, on one reactor: /v1/… as JSON, /openapi.json. What is there and what
// it answers: docs/API.md.
//
// Threads: its reactor's.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/outbox.h"
#include "core/shard.h"
#include "core/time.h"
#include "master/admission.h"
#include "master/api_actions.h"
#include "master/api_mail.h"
#include "master/api_reads.h"
#include "master/api_shard.h"
#include "master/api_watches.h"
#include "net/http_server.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::master {

struct MasterInfo;

class Api {
 public:
  // `incarnation` names this life of the master in the cursors of events. `send` carries mail to
  // another reactor's Api, or to this one's. While `admission` is busy it turns lists away.
  Api(net::Reactor& reactor, core::Shard& shard, core::Outbox& outbox, const ApiShard::Send& send,
      std::uint64_t incarnation, Admission& admission);

  // Of a path that serves() knows. `info` outlives the answer.
  void on_request(const net::HttpRequest& request, net::HttpResponder responder,
                  const MasterInfo& info);
  static bool serves(std::string_view path);

  // What handlers answer to kApiSession. False: it is not for this.
  bool take_answer(core::SessionId to, const core::PeerMessage& message, std::uint32_t correlation);
  void on_mail(ApiMail mail);

  // At the end of a turn, when its events are in the log.
  void end_turn(core::TimePoint now) { records_.end_turn(now); }
  bool has_work_left() const { return records_.has_work_left(); }

 private:
  void route(const net::HttpRequest& request, net::HttpResponder responder, const MasterInfo& info);
  void on_tick();

  net::Reactor& reactor_;
  Admission& admission_;
  ApiShard records_;
  ApiReads reads_;
  ApiWatches watches_;
  ApiActions actions_;
  core::TimePoint next_keep_alive_{};
  net::Timer timer_;
};

}  // namespace shoal::master
