// What a message costs on its way: encode, then verify and decode, in one thread, memory warm.
//   wire_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <string>

#include "wire/message.h"
#include "wire/task_description.h"

namespace shoal::wire {
namespace {

constexpr core::FrameworkId kFramework{0xf0f1f2f3f4f5f6f7u};

template <typename T>
void encode_and_decode(benchmark::State& state, const T& message) {
  ByteVector frame;
  for (auto _ : state) {
    frame.clear();
    encode(message, 1, frame);
    FrameView view;
    benchmark::DoNotOptimize(next_frame(frame, core::kMaxFrameBytes, &view));
    auto back = decode<T>(view.payload);
    if (!back.ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(back);
  }
  state.counters["frame_bytes"] = static_cast<double>(frame.size());
}

// About 300 bytes: a shell command with a small environment.
std::vector<std::uint8_t> description() {
  TaskDescription task;
  task.shell = true;
  task.command = "exec ./simulate --input data.bin --steps 10000 --seed 42 --out result.bin";
  task.environment = {{"LANG", "C.UTF-8"}, {"OMP_NUM_THREADS", "4"}, {"RUN", "2024-11-05"}};
  task.working_directory = "/srv/project";
  return *encode_task_description(task);
}

core::TaskLaunch launch(core::BytesView description) {
  core::TaskLaunch task;
  task.id = "simulate-000042";
  task.name = "simulate";
  task.resources.cpus = 1000;
  task.resources.mem = 256'000;
  task.description = description;
  return task;
}

void BM_Heartbeat(benchmark::State& state) { encode_and_decode(state, core::Heartbeat{42}); }
BENCHMARK(BM_Heartbeat);

// Master to agent.
void BM_Launch(benchmark::State& state) {
  const auto bytes = description();
  encode_and_decode(state, core::RunTask{kFramework, launch(bytes)});
}
BENCHMARK(BM_Launch);

// Framework to master: one offer, one task.
void BM_Accept(benchmark::State& state) {
  const auto bytes = description();
  core::Accept accept;
  accept.offers = {{1, 2}};
  accept.tasks = {launch(bytes)};
  encode_and_decode(state, accept);
}
BENCHMARK(BM_Accept);

void BM_StatusUpdate(benchmark::State& state) {
  core::TaskStatus status;
  status.framework = kFramework;
  status.agent = {7};
  status.task = "simulate-000042";
  status.state = core::TaskState::kRunning;
  status.source = core::TaskSource::kAgent;
  status.timestamp_ms = 1'700'000'000'000;
  status.has_uuid = true;
  encode_and_decode(state, status);
}
BENCHMARK(BM_StatusUpdate);

// Master to framework: one offer with ports and two attributes.
void BM_Offer(benchmark::State& state) {
  core::Offers offers;
  offers.offers.resize(1);
  core::OfferView& offer = offers.offers.front();
  offer.id = {1, 2};
  offer.agent = {7};
  offer.hostname = "node-0007.example";
  offer.address = "10.0.0.7:5051";
  offer.resources = *core::parse_resources("cpus:16;mem:65536;disk:1000000;ports:[31000-32000]");
  offer.attributes = {{"rack", "r12"}, {"zone", "north"}};
  encode_and_decode(state, offers);
}
BENCHMARK(BM_Offer);

}  // namespace
}  // namespace shoal::wire

BENCHMARK_MAIN();
