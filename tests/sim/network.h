// Connections between the parties and the masters: two byte streams each, in order, delayed by
// chance, that break the way real ones do.
//
//   close    what was sent before still arrives, then the other side learns of it
//   sever    what is under way is lost; each side is told or not (half-open: only silence tells)
//   cut      a node is unreachable for a while, or a node for a master: bytes wait, new connections
//            time out
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "core/time.h"
#include "tests/sim/sim.h"
#include "wire/message.h"

namespace shoal::sim {

using LinkId = std::uint64_t;  // 0: none; never used again
enum class End : std::uint8_t { kClient, kServer };

class LinkHandler {
 public:
  virtual ~LinkHandler() = default;
  virtual void on_link_up(LinkId link) = 0;
  virtual void on_link_frame(LinkId link, const wire::FrameView& frame) = 0;
  // The other side closed, the connection broke, or the dial failed. Not after an own close().
  virtual void on_link_down(LinkId link) = 0;
};

class Network {
 public:
  explicit Network(Sim& sim) : sim_(sim) {}

  void add_server(std::uint32_t node, LinkHandler* server) { servers_[node].handler = server; }
  void set_listening(std::uint32_t node, bool listens) { servers_.at(node).is_listening = listens; }

  // From the client's node to a server's; the answer is on_link_up or on_link_down, later.
  LinkId dial(std::uint32_t node, std::uint32_t to, LinkHandler* client);
  // One whole frame. Closed and broken links swallow it.
  void send(LinkId link, End from, wire::Bytes frame);
  void close(LinkId link, End by);
  void sever(LinkId link, bool tell_client, bool tell_server);
  // A client's node, or a server's.
  void cut(std::uint32_t node, core::TimePoint until) { cut(node, kAnyNode, until); }
  // The client's from the server's only.
  void cut(std::uint32_t node, std::uint32_t from, core::TimePoint until);
  void heal() { cut_until_.clear(); }

  std::vector<LinkId> links() const;                         // that are up on both sides
  std::vector<LinkId> links_of(std::uint32_t server) const;  // whose end there is open

 private:
  static constexpr std::uint32_t kAnyNode = ~0u;

  struct Server {
    LinkHandler* handler = nullptr;
    bool is_listening = true;
  };
  struct Packet {
    core::TimePoint due;
    wire::ByteVector bytes;  // empty: the end of the stream
  };
  struct Stream {
    std::deque<Packet> packets;
    core::TimePoint last_due{};
    bool is_armed = false;
  };
  struct Link {
    std::uint32_t node = 0;  // of the client
    std::uint32_t server_node = 0;
    LinkHandler* client = nullptr;
    LinkHandler* server = nullptr;
    core::Duration latency{};
    bool is_client_open = true;
    bool is_server_open = false;
    bool is_severed = false;
    Stream to_client;
    Stream to_server;
  };

  Link* find(LinkId id);
  core::TimePoint healed_at(std::uint32_t node, std::uint32_t from) const;
  core::TimePoint healed_at(const Link& link) const;
  bool is_cut(const Link& link) const { return healed_at(link) > sim_.now(); }
  void push(LinkId id, Link& link, End to, wire::ByteVector bytes);
  void arm(LinkId id, Stream& stream, End to);
  void pump(LinkId id, End to);
  void finish_dial(LinkId id);
  void tell_down(LinkId id, End end);
  void forget_if_closed(LinkId id);

  Sim& sim_;
  std::map<std::uint32_t, Server> servers_;  // by node
  LinkId next_ = 1;
  std::map<LinkId, Link> links_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, core::TimePoint> cut_until_;
};

}  // namespace shoal::sim
