// A whole cluster state in one thread: shards, recording outboxes, and mailboxes that are drained
// by hand. settle() runs everything to rest and checks every invariant.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/agent_handlers.h"
#include "core/framework_handlers.h"
#include "core/invariants.h"
#include "core/operator_handlers.h"
#include "core/outbox.h"
#include "core/shard.h"
#include "core/shard_handlers.h"
#include "tests/core/kept_registry.h"
#include "tests/core/mailbag.h"

namespace shoal::core {

// What a framework may say when it subscribes.
struct FrameworkOptions {
  std::string name = "f";
  std::vector<std::string> roles{};  // empty: "*"
  std::vector<std::string> suppressed{};
  Capabilities capabilities{};
  std::vector<std::pair<std::string, std::string>> minimums{};  // role, "cpus:1;mem:64"
  std::vector<OfferConstraintView> constraints{};
  std::int64_t failover_ms = -1;
};

// What an agent may say of itself beside its resources.
struct AgentOptions {
  std::string hostname = "host";
  std::vector<AttributeView> attributes{};
  std::string region{};
  std::string zone{};
  std::vector<TaskReport> tasks{};
  std::vector<OperationReport> operations{};
};

class TestCluster {
 public:
  explicit TestCluster(std::uint32_t shards = 1, ShardConfig config = {})
      : tables_(std::make_unique<SharedTables>(shards, 100)), shards_(shards) {
    configure(std::move(config));
  }

  // Starts again with this configuration. Nothing may have happened yet.
  void configure(ShardConfig config) {
    config.shards = size();
    config.cluster_id = 42;
    config.version = "test";
    for (std::uint32_t i = 0; i < size(); ++i) {
      config.index = i;
      shards_[i] = std::make_unique<Shard>(config, *tables_, /*seed=*/7 + i);
    }
  }

  // --- the registry ---

  bool has_registry = false;
  bool commits_itself = true;  // in settle(); otherwise commit() does
  KeptRegistry registry;       // what is durable

  // What was stored becomes durable, and what waits for it happens.
  void commit() {
    commit_stored();
    settle();
  }
  // The master dies, with what is under way and what is not durable, and another starts.
  void restart_master() {
    const ShardConfig config = shards_[0]->config;
    mail_.clear();
    stored_.clear();
    for (auto& shard : shards_) shard.reset();
    tables_ = std::make_unique<SharedTables>(size(), 5000);
    configure(config);
    const RegistryContents left = registry.contents();
    recover_roles(*tables_, left);
    for (const auto& shard : shards_) recover(*shard, outbox(), left, now);
    settle();
  }

  Shard& shard(std::uint32_t i = 0) { return *shards_[i]; }
  Shard& home(AgentId id) { return *shards_[home_shard(id.value, size())]; }
  Shard& home(FrameworkId id) { return *shards_[home_shard(id.value, size())]; }
  Outbox& outbox() { return outbox_; }
  SharedTables& tables() { return *tables_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(shards_.size()); }
  Mailbag& bag(SessionId session) { return bags_[session]; }
  SessionId new_session() { return SessionId{++sessions_}; }
  TimePoint now{std::chrono::hours(1)};

  // --- peers ---

  AgentId add_agent(std::string_view resources, std::uint32_t on_shard = 0) {
    const SessionId session = new_session();
    const AgentId id =
        register_agent(session, AgentId(), resources, /*incarnation=*/session.value, {}, on_shard);
    settle();
    return id;
  }

  AgentId register_agent(SessionId session, AgentId known, std::string_view resources,
                         std::uint64_t incarnation, std::vector<TaskReport> tasks = {},
                         std::uint32_t on_shard = 0) {
    AgentOptions options;
    options.tasks = std::move(tasks);
    return register_described(session, known, resources, incarnation, options, on_shard);
  }

  AgentId register_described(SessionId session, AgentId known, std::string_view resources,
                             std::uint64_t incarnation, const AgentOptions& options,
                             std::uint32_t on_shard = 0) {
    RegisterAgent message;
    message.incarnation = incarnation;
    message.hostname = options.hostname;
    message.address = "127.0.0.1:1";
    message.region = options.region;
    message.zone = options.zone;
    message.capabilities = kAgentCapabilities;
    message.resources = parse_resources(resources).value();
    message.attributes.assign(options.attributes.begin(), options.attributes.end());
    message.tasks.assign(options.tasks.begin(), options.tasks.end());
    message.operations.assign(options.operations.begin(), options.operations.end());
    Shard& at = known.valid() ? home(known) : *shards_[on_shard];
    return on_register_agent(at, outbox(), session, known, message, now);
  }

  FrameworkId add_framework(std::string_view name, std::uint32_t on_shard = 0,
                            std::int64_t failover_ms = -1) {
    const FrameworkId id = subscribe(new_session(), FrameworkId(), name, on_shard, failover_ms);
    settle();
    return id;
  }

  FrameworkId subscribe(SessionId session, FrameworkId known, std::string_view name,
                        std::uint32_t on_shard = 0, std::int64_t failover_ms = -1) {
    FrameworkOptions options;
    options.name = name;
    options.failover_ms = failover_ms;
    return subscribe(session, known, options, on_shard);
  }

  FrameworkId subscribe(SessionId session, FrameworkId known, const FrameworkOptions& options,
                        std::uint32_t on_shard = 0) {
    Subscribe message;
    message.name = options.name;
    message.user = "tester";
    message.roles.assign(options.roles.begin(), options.roles.end());
    message.suppressed_roles.assign(options.suppressed.begin(), options.suppressed.end());
    message.capabilities = options.capabilities;
    for (const auto& [role, minimum] : options.minimums) {
      message.minimums.push_back({role, parse_quantities(minimum).value()});
    }
    message.constraints.assign(options.constraints.begin(), options.constraints.end());
    message.failover_timeout_ms = options.failover_ms;
    Shard& at = known.valid() ? home(known) : *shards_[on_shard];
    return on_subscribe(at, outbox(), session, known, message, 0, now);
  }

  SessionId session_of(AgentId id) { return home(id).find_agent(id)->session; }
  SessionId session_of(FrameworkId id) { return home(id).find_framework(id)->session; }
  Mailbag& bag_of(AgentId id) { return bag(session_of(id)); }
  Mailbag& bag_of(FrameworkId id) { return bag(session_of(id)); }
  AgentRecord& agent(AgentId id) { return *home(id).find_agent(id); }

  // --- calls ---

  struct Launch {
    std::string id;
    std::string resources;
  };

  void accept(FrameworkId framework, std::vector<OfferId> offers, std::vector<Launch> launches,
              std::int64_t refuse_ms = 0) {
    Accept message;
    message.offers.assign(offers.begin(), offers.end());
    message.refuse_ms = refuse_ms;
    for (const Launch& launch : launches) {
      TaskLaunch task;
      task.id = launch.id;
      task.resources = parse_resources(launch.resources).value();
      message.tasks.push_back(task);
    }
    on_accept(home(framework), outbox(), framework, message, 1, now);
    settle();
  }

  void decline(FrameworkId framework, std::vector<OfferId> offers, std::int64_t refuse_ms) {
    Decline message;
    message.offers.assign(offers.begin(), offers.end());
    message.refuse_ms = refuse_ms;
    on_decline(home(framework), outbox(), framework, message, 2, now);
    settle();
  }

  UpdateUuid update(AgentId agent, FrameworkId framework, std::string_view task, TaskState state) {
    TaskStatus status;
    status.framework = framework;
    status.agent = agent;
    status.task = task;
    status.state = state;
    status.source = TaskSource::kAgent;
    status.has_uuid = true;
    status.uuid = draw_uuid(random_);
    if (is_terminal(state)) status.has_exit = true;
    on_status_update(home(agent), outbox(), agent, status, now);
    settle();
    return status.uuid;
  }

  void acknowledge(FrameworkId framework, AgentId agent, std::string_view task, UpdateUuid uuid) {
    on_acknowledge(home(framework), outbox(), framework, {framework, agent, task, uuid}, 3, now);
    settle();
  }

  void disconnect(AgentId id) {
    on_agent_disconnected(home(id), outbox(), id, session_of(id), now);
    settle();
  }
  void disconnect(FrameworkId id) {
    on_framework_disconnected(home(id), outbox(), id, session_of(id), now);
    settle();
  }

  // --- time ---

  void advance(Duration by) {
    now += by;
    for (const auto& shard : shards_) on_tick(*shard, outbox(), now);
    settle();
  }

  // The same in steps, while all peers keep their sessions alive.
  void pass_quietly(Duration time, Duration step = std::chrono::seconds(1)) {
    for (; time > Duration::zero(); time -= step) {
      step = std::min(step, time);
      for (const auto& shard : shards_) {
        for (auto& [id, agent] : shard->agents) agent->last_heard = now + step;
        for (auto& [id, framework] : shard->frameworks) framework->last_heard = now + step;
      }
      advance(step);
    }
  }

  // Runs mailboxes and turn ends until nothing happens any more.
  void settle() {
    do {
      while (!mail_.empty()) deliver_next();
      if (commits_itself) commit_stored();
      end_turns();
    } while (!mail_.empty() || (commits_itself && !stored_.empty()));
    std::vector<const Shard*> all;
    for (const auto& shard : shards_) all.push_back(shard.get());
    const absl::Status sound = check_cluster(all);
    EXPECT_TRUE(sound.ok()) << sound;
  }

  // The end of a turn of every shard, with what it sends left in the mailboxes.
  void end_turns() {
    for (const auto& shard : shards_) on_turn_end(*shard, outbox(), now);
  }

  // One mailbox message, for tests that look at what happens in between.
  bool deliver_next() {
    if (mail_.empty()) return false;
    auto [to, message] = std::move(mail_.front());
    mail_.pop_front();
    on_shard_message(*shards_[to], outbox(), std::move(message), now);
    return true;
  }

 private:
  class RecordingOutbox final : public Outbox {
   public:
    explicit RecordingOutbox(TestCluster& cluster) : cluster_(cluster) {}
    void close(SessionId session) override {
      if (session.valid()) cluster_.bag(session).closed = true;
    }
    bool is_slow(SessionId session) const override { return cluster_.bag(session).slow; }
    void to_shard(std::uint32_t shard, ShardMessage message) override {
      cluster_.mail_.emplace_back(shard, std::move(message));
    }
    bool store(RegistryRow row) override {
      if (cluster_.has_registry) cluster_.stored_.push_back(std::move(row));
      return cluster_.has_registry;
    }

   private:
    void send_message(SessionId to, PeerMessage message, std::uint32_t /*correlation*/) override {
      Mailbag& bag = cluster_.bag(to);
      std::visit([&bag](const auto* m) { record(bag, *m); }, message);
    }
    static void record(Mailbag& bag, const Offers& m) {
      ++bag.offer_messages;
      for (const OfferView& offer : m.offers) {
        bag.offers.push_back({offer.id, offer.agent, offer.resources, std::string(offer.role)});
      }
    }
    static void record(Mailbag& bag, const Rescind& m) {
      bag.rescinded.insert(bag.rescinded.end(), m.offers.begin(), m.offers.end());
    }
    static void record(Mailbag& bag, const TaskStatus& m) { bag.updates.emplace_back(m); }
    static void record(Mailbag& bag, const RunTask& m) {
      bag.launches.push_back(
          {std::string(m.task.id), std::string(m.task.name), m.task.resources, {}});
    }
    static void record(Mailbag& bag, const KillTask& m) {
      bag.kills.emplace_back(m.task);
      bag.max_graces.push_back(m.max_grace_ms);
    }
    static void record(Mailbag& bag, const AcknowledgeUpdate& m) {
      bag.acknowledged.emplace_back(m.task, m.uuid);
    }
    static void record(Mailbag& bag, const Refusal& m) {
      bag.refusals.emplace_back(m.code, m.message);
    }
    static void record(Mailbag& bag, const AgentFailure& m) { bag.lost_agents.push_back(m.agent); }
    static void record(Mailbag& bag, const ClusterView& m) { bag.answers.push_back(m); }
    static void record(Mailbag& bag, const AgentRegistered& m) { bag.registered = m; }
    static void record(Mailbag& bag, const Subscribed& m) { bag.subscribed = m; }
    static void record(Mailbag& bag, const ApplyOperation& m) {
      bag.operations.push_back(
          {std::string(m.id), m.uuid, OperationState::kPending, "", m.consumed, m.converted});
    }
    static void record(Mailbag& bag, const OperationUpdate& m) {
      bag.operations.push_back(
          {std::string(m.id), m.uuid, m.state, std::string(m.message), {}, {}});
    }
    static void record(Mailbag& bag, const AcknowledgeOperation& m) {
      bag.acknowledged_operations.push_back(m.uuid);
    }
    static void record(Mailbag& bag, const Explanation& m) { bag.explanations.push_back(m); }
    static void record(Mailbag& bag, const Notice& m) { bag.notices.emplace_back(m.message); }
    static void record(Mailbag& bag, const Heartbeat&) { ++bag.heartbeats; }
    static void record(Mailbag& bag, const Done&) { ++bag.done; }
    static void record(Mailbag&, const Welcome&) {}

    TestCluster& cluster_;
  };

  void commit_stored() {
    while (!stored_.empty()) {
      const RegistryRow row = std::move(stored_.front());
      stored_.pop_front();
      registry.apply(row);
      on_stored(*shards_[shard_of(row, size())], outbox(), 1, now);
    }
  }

  std::unique_ptr<SharedTables> tables_;
  RecordingOutbox outbox_{*this};
  std::vector<std::unique_ptr<Shard>> shards_;
  std::deque<std::pair<std::uint32_t, ShardMessage>> mail_;
  std::deque<RegistryRow> stored_;  // and not durable yet
  absl::flat_hash_map<SessionId, Mailbag> bags_;
  std::uint64_t sessions_ = 0;
  Random random_{99};
};

// The same scenario on one shard and on four.
class ShardedTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  TestCluster cluster{GetParam()};
  std::uint32_t last() const { return GetParam() - 1; }
};

}  // namespace shoal::core
