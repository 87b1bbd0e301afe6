// Reads of the operator API: records of all shards, one after the other, in parts as small as a
// shard gives and as fast as the client takes them. Memory for one read: a part, and the
// connection's output.
//
// Threads: its reactor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/page.h"
#include "core/shard.h"
#include "master/api_answer.h"
#include "master/api_mail.h"
#include "master/api_shard.h"
#include "net/http_server.h"

namespace shoal::master {

class ApiReads {
 public:
  ApiReads(const core::Shard& shard, ApiShard::Send send) : shard_(shard), send_(std::move(send)) {}

  // A kind of record: its name in paths and answers, and what may narrow it down.
  struct Collection {
    std::string_view name;  // "agents"
    core::QueryKind kind;
    RecordShape shape = RecordShape::kWhole;
    std::vector<std::string_view> parameters;
  };
  // nullptr: there is none of that name.
  static const Collection* find_collection(std::string_view name);

  // {"agents":[…],"next":"…"}: all that the query's parameters let through, or `limit` of them and
  // the cursor of the next.
  void list(const Collection& what, const net::HttpRequest& request,
            const net::HttpResponder& responder);
  // The one record with that id; 404, and 409 when several tasks have it.
  void get(const Collection& what, std::string_view id, const net::HttpRequest& request,
           const net::HttpResponder& responder);
  void get_cluster(const net::HttpResponder& responder);

  void on_part(PagePart part);

 private:
  struct Read {
    net::HttpResponder responder;
    PageAsk ask;
    const Collection* what = nullptr;
    std::uint32_t shard = 0;
    std::uint32_t end_shard = 0;      // one past the last that is asked
    std::optional<std::size_t> left;  // of the limit
    bool is_single = false;
    std::size_t records = 0;
    std::string text;  // of a single one
    core::ClusterSummary cluster;
  };

  void start(Read read);
  void ask_next(std::uint64_t id);
  void write(Read& read, const PagePart& part);
  void finish(std::uint64_t id, const std::string& cursor);
  absl::Status narrow(const QueryParameters& parameters, Read& read) const;
  absl::Status take_cursor(std::string_view cursor, Read& read) const;
  std::string cursor_of(const Read& read) const;
  void go_straight(Read& read) const;

  const core::Shard& shard_;
  ApiShard::Send send_;
  std::uint64_t last_id_ = 0;
  absl::flat_hash_map<std::uint64_t, Read> reads_;
};

}  // namespace shoal::master
