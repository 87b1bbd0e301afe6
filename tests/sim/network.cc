#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"

namespace shoal::sim {
namespace {

constexpr core::Duration kShortest = microseconds(20);

}  // namespace

Network::Link* Network::find(LinkId id) {
  const auto it = links_.find(id);
  return it == links_.end() ? nullptr : &it->second;
}

core::TimePoint Network::healed_at(std::uint32_t node, std::uint32_t from) const {
  const auto it = cut_until_.find({node, from});
  return it == cut_until_.end() ? core::TimePoint{} : it->second;
}

core::TimePoint Network::healed_at(const Link& link) const {
  if (cut_until_.empty()) return core::TimePoint{};
  return std::max({healed_at(link.node, kAnyNode), healed_at(link.server_node, kAnyNode),
                   healed_at(link.node, link.server_node)});
}

LinkId Network::dial(std::uint32_t node, std::uint32_t to, LinkHandler* client) {
  const LinkId id = next_++;
  Link& link = links_[id];
  link.node = node;
  link.server_node = to;
  link.client = client;
  link.server = servers_.at(to).handler;
  link.latency = sim_.draw(kShortest, milliseconds(3));
  sim_.queue.after(link.latency, [this, id] { finish_dial(id); });
  return id;
}

void Network::finish_dial(LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  if (!link->is_client_open) return forget_if_closed(id);
  if (is_cut(*link)) {
    link->is_severed = true;
    sim_.queue.after(core::kDialTimeout, [this, id] { tell_down(id, End::kClient); });
    return;
  }
  if (!servers_.at(link->server_node).is_listening) return tell_down(id, End::kClient);
  link->is_server_open = true;
  link->server->on_link_up(id);
  sim_.queue.after(link->latency, [this, id] {
    Link* up = find(id);
    if (up == nullptr || !up->is_client_open) return;
    if (!up->is_severed) return up->client->on_link_up(id);
    sim_.queue.after(core::kDialTimeout, [this, id] { tell_down(id, End::kClient); });
  });
}

void Network::send(LinkId id, End from, wire::Bytes frame) {
  Link* link = find(id);
  if (link == nullptr || link->is_severed) return;
  ++sim_.totals.frames;
  push(id, *link, from == End::kClient ? End::kServer : End::kClient,
       wire::ByteVector(frame.begin(), frame.end()));
}

void Network::push(LinkId id, Link& link, End to, wire::ByteVector bytes) {
  Stream& stream = to == End::kClient ? link.to_client : link.to_server;
  core::Duration delay = link.latency + sim_.draw(core::Duration{0}, link.latency);
  if (sim_.random.chance(1, 64)) delay += sim_.draw(milliseconds(1), milliseconds(150));
  stream.last_due = std::max(stream.last_due, sim_.now() + delay);
  stream.packets.push_back({stream.last_due, std::move(bytes)});
  arm(id, stream, to);
}

void Network::arm(LinkId id, Stream& stream, End to) {
  if (stream.is_armed || stream.packets.empty()) return;
  stream.is_armed = true;
  sim_.queue.at(stream.packets.front().due, [this, id, to] { pump(id, to); });
}

void Network::pump(LinkId id, End to) {
  Link* link = find(id);
  if (link == nullptr) return;
  Stream& stream = to == End::kClient ? link->to_client : link->to_server;
  stream.is_armed = false;
  if (stream.packets.empty()) return;
  if (is_cut(*link)) {
    stream.is_armed = true;
    sim_.queue.at(healed_at(*link) + link->latency, [this, id, to] { pump(id, to); });
    return;
  }
  const Packet packet = std::move(stream.packets.front());
  stream.packets.pop_front();
  arm(id, stream, to);
  const bool is_open = to == End::kClient ? link->is_client_open : link->is_server_open;
  if (!is_open) return;
  if (packet.bytes.empty()) return tell_down(id, to);
  wire::FrameView frame;
  const auto progress = wire::next_frame(packet.bytes, core::kMaxFrameBytes, &frame);
  if (!progress.ok() || *progress != wire::FrameProgress::kFrame) {
    return sim_.checker.fail("a frame that was sent cannot be read");
  }
  sim_.trace.note("link {} {} {} {} bytes", id, to == End::kClient ? "<-" : "->",
                  wire::name_of(static_cast<wire::MessageKind>(frame.header.kind)),
                  packet.bytes.size());
  (to == End::kClient ? link->client : link->server)->on_link_frame(id, frame);
}

void Network::close(LinkId id, End by) {
  Link* link = find(id);
  if (link == nullptr) return;
  bool& is_open = by == End::kClient ? link->is_client_open : link->is_server_open;
  if (!is_open) return;
  is_open = false;
  if (!link->is_severed) push(id, *link, by == End::kClient ? End::kServer : End::kClient, {});
  forget_if_closed(id);
}

void Network::sever(LinkId id, bool tell_client, bool tell_server) {
  Link* link = find(id);
  if (link == nullptr || link->is_severed) return;
  link->is_severed = true;
  link->to_client.packets.clear();
  link->to_server.packets.clear();
  const auto tell = [this, id](End end) {
    sim_.queue.after(sim_.draw(kShortest, milliseconds(50)),
                     [this, id, end] { tell_down(id, end); });
  };
  if (tell_client) tell(End::kClient);
  if (tell_server) tell(End::kServer);
}

void Network::tell_down(LinkId id, End end) {
  Link* link = find(id);
  if (link == nullptr) return;
  bool& is_open = end == End::kClient ? link->is_client_open : link->is_server_open;
  if (!is_open) return;
  is_open = false;
  LinkHandler* told = end == End::kClient ? link->client : link->server;
  // What this side would still send has nowhere to go, and the other side hears of the end too.
  const bool is_other_open = end == End::kClient ? link->is_server_open : link->is_client_open;
  if (is_other_open && !link->is_severed) {
    push(id, *link, end == End::kClient ? End::kServer : End::kClient, {});
  }
  forget_if_closed(id);
  sim_.trace.note("link {} is down for the {}", id, end == End::kClient ? "client" : "master");
  told->on_link_down(id);
}

void Network::forget_if_closed(LinkId id) {
  const auto it = links_.find(id);
  if (!it->second.is_client_open && !it->second.is_server_open) links_.erase(it);
}

void Network::cut(std::uint32_t node, std::uint32_t from, core::TimePoint until) {
  cut_until_[{node, from}] = std::max(healed_at(node, from), until);
}

std::vector<LinkId> Network::links() const {
  std::vector<LinkId> out;
  for (const auto& [id, link] : links_) {
    if (link.is_client_open && link.is_server_open && !link.is_severed) out.push_back(id);
  }
  return out;
}

std::vector<LinkId> Network::links_of(std::uint32_t server) const {
  std::vector<LinkId> out;
  for (const auto& [id, link] : links_) {
    if (link.server_node == server && link.is_server_open) out.push_back(id);
  }
  return out;
}

}  // namespace shoal::sim
