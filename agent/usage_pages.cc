#include "agent/usage_pages.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "alloc/malloc_choice.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

double seconds(std::uint64_t micros) { return static_cast<double>(micros) / 1e6; }
double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// --- Prometheus ---

using core::MetricsText;

void add_pressure(MetricsText& out, const MachineUsage& machine) {
  const std::pair<std::string_view, const std::optional<Pressure>*> resources[] = {
      {"cpu", &machine.cpu_pressure},
      {"memory", &machine.memory_pressure},
      {"io", &machine.io_pressure}};
  static constexpr std::string_view kWaiting = "shoal_machine_pressure_waiting_seconds_total";
  static constexpr std::string_view kStalled = "shoal_machine_pressure_stalled_seconds_total";
  out.head(kWaiting, "counter", "Time in which some process waited for the resource (PSI).");
  for (const auto& [name, pressure] : resources) {
    if (!pressure->has_value()) continue;
    out.sample(kWaiting, fmt::format("resource=\"{}\"", name), seconds((*pressure)->some_us));
  }
  out.head(kStalled, "counter", "Time in which all processes waited for the resource (PSI).");
  for (const auto& [name, pressure] : resources) {
    if (!pressure->has_value()) continue;
    out.sample(kStalled, fmt::format("resource=\"{}\"", name), seconds((*pressure)->full_us));
  }
}

std::string labels_of(const GpuUsage& gpu) {
  return fmt::format("gpu=\"{}\",model=\"{}\"", gpu.name, core::escape_label(gpu.model));
}

void add_gpus(MetricsText& out, const MachineUsage& machine) {
  out.head("shoal_machine_gpu_busy_ratio", "gauge", "Part of the time in which a GPU was busy.");
  for (const GpuUsage& gpu : machine.gpus) {
    if (!gpu.busy_percent.has_value()) continue;
    out.sample("shoal_machine_gpu_busy_ratio", labels_of(gpu), *gpu.busy_percent / 100.0);
  }
  out.head("shoal_machine_gpu_memory_bytes", "gauge", "Memory of a GPU.");
  for (const GpuUsage& gpu : machine.gpus) {
    out.sample("shoal_machine_gpu_memory_bytes", labels_of(gpu), gpu.memory_bytes);
  }
  out.head("shoal_machine_gpu_memory_used_bytes", "gauge", "What is used of it.");
  for (const GpuUsage& gpu : machine.gpus) {
    out.sample("shoal_machine_gpu_memory_used_bytes", labels_of(gpu), gpu.memory_used_bytes);
  }
}

void add_machine(MetricsText& out, const MachineUsage& machine) {
  out.one("shoal_machine_cpus", "gauge", "Processors of the machine.", machine.cpus);
  out.head("shoal_machine_cpu_seconds_total", "counter", "Time of all processors, by mode.");
  for (std::size_t mode = 0; mode < kCpuModes.size(); ++mode) {
    out.sample("shoal_machine_cpu_seconds_total", fmt::format("mode=\"{}\"", kCpuModes[mode]),
               seconds(machine.cpu_us[mode]));
  }
  out.one("shoal_machine_load1", "gauge", "Load average of one minute.", machine.load1);
  out.one("shoal_machine_load5", "gauge", "Load average of five minutes.", machine.load5);
  out.one("shoal_machine_load15", "gauge", "Load average of fifteen minutes.", machine.load15);
  const auto gauge = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
    out.one(name, "gauge", help, value);
  };
  gauge("shoal_machine_memory_bytes", "Memory of the machine.", machine.memory_bytes);
  gauge("shoal_machine_memory_available_bytes", "Memory that could be used without swapping.",
        machine.memory_available_bytes);
  gauge("shoal_machine_memory_free_bytes", "Memory that nothing uses.", machine.memory_free_bytes);
  gauge("shoal_machine_swap_bytes", "Swap space.", machine.swap_bytes);
  gauge("shoal_machine_swap_free_bytes", "Swap space that nothing uses.", machine.swap_free_bytes);
  gauge("shoal_machine_disk_bytes", "The file system of the data folder.", machine.disk_bytes);
  gauge("shoal_machine_disk_free_bytes", "Free bytes on it.", machine.disk_free_bytes);
  gauge("shoal_machine_disk_available_bytes", "Bytes on it that need no privileges.",
        machine.disk_available_bytes);
  gauge("shoal_machine_disk_inodes", "Inodes on it.", machine.inodes);
  gauge("shoal_machine_disk_inodes_free", "Free inodes on it.", machine.inodes_free);
  add_pressure(out, machine);
  add_gpus(out, machine);
}

void add_agent(MetricsText& out, const AgentFacts& facts, const UsageSample& sample) {
  out.head("shoal_build_info", "gauge", "1; the labels tell the build.");
  out.sample("shoal_build_info",
             fmt::format("version=\"{}\",allocator=\"{}\"", facts.version, alloc::malloc_name()),
             1);
  out.one("shoal_agent_registered", "gauge", "1 while the master knows this agent.",
          facts.is_registered ? 1 : 0);
  out.one("shoal_agent_tasks", "gauge", "Tasks that run.", facts.live_tasks);
  out.one("shoal_agent_known_tasks", "gauge", "Tasks that run, or whose end is not acknowledged.",
          facts.tasks);
  out.one("process_cpu_seconds_total", "counter", "Time of processors that the agent itself used.",
          seconds(sample.self.cpu_user_us + sample.self.cpu_system_us));
  out.one("process_resident_memory_bytes", "gauge", "Memory of the agent itself.",
          sample.self.rss_bytes);
  out.one("process_open_fds", "gauge", "Descriptors of the agent.", sample.self.descriptors);
  out.one("process_start_time_seconds", "gauge", "When it was started, since 1970.",
          static_cast<double>(facts.started_ms) / 1000);
}

void add_disk(MetricsText& out, const SandboxGcCounters& sandboxes, const LogCutterCounters& logs) {
  out.one("shoal_sandboxes_ended", "gauge", "Sandboxes of ended runs that are kept.",
          sandboxes.kept);
  out.one("shoal_sandboxes_removed_total", "counter", "Sandboxes that were deleted for age.",
          sandboxes.removed);
  out.one("shoal_sandboxes_remove_failed_total", "counter", "Attempts to delete one that failed.",
          sandboxes.failed);
  out.one("shoal_sandboxes_looks_total", "counter", "Looks for old sandboxes.", sandboxes.looks);
  out.one("shoal_sandboxes_max_age_seconds", "gauge",
          "How long they are kept as full as the disk is.", seconds(sandboxes.max_age));
  out.one("shoal_disk_usage_ratio", "gauge", "Part of the disk that was used at the last look.",
          sandboxes.disk_usage);
  out.one("shoal_log_cuts_total", "counter", "Times the head of a log was cut off.", logs.cuts);
  out.one("shoal_log_cut_bytes_total", "counter", "Bytes that were cut off.", logs.cut_bytes);
  out.one("shoal_log_cut_failed_total", "counter", "Logs that could not be looked at or cut.",
          logs.failed);
}

// Ids hold no quote and no backslash (agent/sandbox.h).
std::string labels_of(const UsageSample::OfTask& task) {
  return fmt::format("framework=\"{}\",task=\"{}\"", task.task.id.framework_id,
                     task.task.id.task_id);
}

void add_tasks(MetricsText& out, const UsageSample& sample) {
  const std::size_t shown = std::min(sample.tasks.size(), kMaxTaskSeries);
  out.one("shoal_task_series_left_out", "gauge", "Running tasks that are not in these metrics.",
          sample.tasks.size() - shown);
  std::vector<std::string> labels;
  labels.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i) labels.push_back(labels_of(sample.tasks[i]));
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help,
                        auto value) {
    out.head(name, type, help);
    for (std::size_t i = 0; i < shown; ++i) {
      out.sample(name, labels[i], value(sample.tasks[i].usage));
    }
  };
  static constexpr std::string_view kCpu = "shoal_task_cpu_seconds_total";
  out.head(kCpu, "counter", "Time of processors that the task used, by mode.");
  for (std::size_t i = 0; i < shown; ++i) {
    const UsageOfTask& usage = sample.tasks[i].usage;
    out.sample(kCpu, labels[i] + ",mode=\"user\"", seconds(usage.cpu_user_us));
    out.sample(kCpu, labels[i] + ",mode=\"system\"", seconds(usage.cpu_system_us));
  }
  each("shoal_task_memory_rss_bytes", "gauge", "Memory of its processes.",
       [](const UsageOfTask& usage) { return usage.rss_bytes; });
  const auto where_counted = [&](std::string_view name, std::string_view type,
                                 std::string_view help, auto value) {
    out.head(name, type, help);
    for (std::size_t i = 0; i < shown; ++i) {
      const auto counted = value(sample.tasks[i].usage);
      if (counted.has_value()) out.sample(name, labels[i], *counted);
    }
  };
  where_counted("shoal_task_cpu_throttled_seconds_total", "counter",
                "Time in which its quota held it.",
                [](const UsageOfTask& usage) -> std::optional<double> {
                  if (!usage.throttled_us.has_value()) return std::nullopt;
                  return seconds(*usage.throttled_us);
                });
  where_counted("shoal_task_memory_bytes", "gauge",
                "What counts against its limit: memory of its processes, and files it has cached.",
                [](const UsageOfTask& usage) { return usage.memory_bytes; });
  where_counted("shoal_task_memory_peak_bytes", "gauge", "The most of that so far.",
                [](const UsageOfTask& usage) { return usage.memory_peak_bytes; });
  each("shoal_task_processes", "gauge", "Its processes.",
       [](const UsageOfTask& usage) { return usage.processes; });
  each("shoal_task_threads", "gauge", "Threads of its processes.",
       [](const UsageOfTask& usage) { return usage.threads; });
  each("shoal_task_disk_read_bytes_total", "counter", "Bytes that it had read from disks.",
       [](const UsageOfTask& usage) { return usage.read_bytes; });
  each("shoal_task_disk_written_bytes_total", "counter", "Bytes that it had written to disks.",
       [](const UsageOfTask& usage) { return usage.written_bytes; });
}

// --- JSON ---

void key(Writer& writer, std::string_view name) {
  writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}
void put(Writer& writer, std::string_view name, std::string_view value) {
  key(writer, name);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}
void put(Writer& writer, std::string_view name, std::uint64_t value) {
  key(writer, name);
  writer.Uint64(value);
}
void put(Writer& writer, std::string_view name, double value) {
  key(writer, name);
  writer.Double(value);
}

// null: not counted there.
template <typename Value>
void put(Writer& writer, std::string_view name, const std::optional<Value>& value) {
  if (value.has_value()) return put(writer, name, *value);
  key(writer, name);
  writer.Null();
}

void put_pressure(Writer& writer, std::string_view name, const std::optional<Pressure>& pressure) {
  key(writer, name);
  if (!pressure.has_value()) {
    writer.Null();
    return;
  }
  writer.StartObject();
  put(writer, "some_avg10", pressure->some_avg10);
  put(writer, "some_avg60", pressure->some_avg60);
  put(writer, "some_seconds", seconds(pressure->some_us));
  put(writer, "full_avg10", pressure->full_avg10);
  put(writer, "full_avg60", pressure->full_avg60);
  put(writer, "full_seconds", seconds(pressure->full_us));
  writer.EndObject();
}

void put_gpus(Writer& writer, const std::vector<GpuUsage>& gpus) {
  key(writer, "gpus");
  writer.StartArray();
  for (const GpuUsage& gpu : gpus) {
    writer.StartObject();
    put(writer, "name", gpu.name);
    put(writer, "model", gpu.model);
    key(writer, "busy_percent");
    if (gpu.busy_percent.has_value()) {
      writer.Uint(*gpu.busy_percent);
    } else {
      writer.Null();
    }
    put(writer, "memory_bytes", gpu.memory_bytes);
    put(writer, "memory_used_bytes", gpu.memory_used_bytes);
    writer.EndObject();
  }
  writer.EndArray();
}

void put_machine(Writer& writer, const MachineUsage& machine) {
  key(writer, "machine");
  writer.StartObject();
  put(writer, "cpus", std::uint64_t{machine.cpus});
  key(writer, "cpu_seconds");
  writer.StartObject();
  for (std::size_t mode = 0; mode < kCpuModes.size(); ++mode) {
    put(writer, kCpuModes[mode], seconds(machine.cpu_us[mode]));
  }
  writer.EndObject();
  key(writer, "load");
  writer.StartArray();
  for (const double load : {machine.load1, machine.load5, machine.load15}) writer.Double(load);
  writer.EndArray();
  put(writer, "memory_bytes", machine.memory_bytes);
  put(writer, "memory_available_bytes", machine.memory_available_bytes);
  put(writer, "memory_free_bytes", machine.memory_free_bytes);
  put(writer, "swap_bytes", machine.swap_bytes);
  put(writer, "swap_free_bytes", machine.swap_free_bytes);
  put(writer, "disk_bytes", machine.disk_bytes);
  put(writer, "disk_free_bytes", machine.disk_free_bytes);
  put(writer, "disk_available_bytes", machine.disk_available_bytes);
  key(writer, "pressure");
  writer.StartObject();
  put_pressure(writer, "cpu", machine.cpu_pressure);
  put_pressure(writer, "memory", machine.memory_pressure);
  put_pressure(writer, "io", machine.io_pressure);
  writer.EndObject();
  put_gpus(writer, machine.gpus);
  writer.EndObject();
}

void put_task(Writer& writer, const UsageSample::OfTask& task) {
  const UsageOfTask& usage = task.usage;
  writer.StartObject();
  put(writer, "framework", task.task.id.framework_id);
  put(writer, "task", task.task.id.task_id);
  put(writer, "run", task.task.id.run_uuid);
  put(writer, "cpu_user_seconds", seconds(usage.cpu_user_us));
  put(writer, "cpu_system_seconds", seconds(usage.cpu_system_us));
  put(writer, "cpu_throttled_seconds",
      usage.throttled_us.has_value() ? std::optional<double>(seconds(*usage.throttled_us))
                                     : std::nullopt);
  put(writer, "memory_rss_bytes", usage.rss_bytes);
  put(writer, "memory_bytes", usage.memory_bytes);
  put(writer, "memory_peak_bytes", usage.memory_peak_bytes);
  put(writer, "processes", std::uint64_t{usage.processes});
  put(writer, "threads", std::uint64_t{usage.threads});
  put(writer, "disk_read_bytes", usage.read_bytes);
  put(writer, "disk_written_bytes", usage.written_bytes);
  writer.EndObject();
}

void put_housekeeping(Writer& writer, const UsageSample& sample, const SandboxGcCounters& sandboxes,
                      const LogCutterCounters& logs) {
  key(writer, "process");
  writer.StartObject();
  put(writer, "cpu_user_seconds", seconds(sample.self.cpu_user_us));
  put(writer, "cpu_system_seconds", seconds(sample.self.cpu_system_us));
  put(writer, "memory_rss_bytes", sample.self.rss_bytes);
  put(writer, "descriptors", sample.self.descriptors);
  writer.EndObject();
  key(writer, "sandboxes");
  writer.StartObject();
  put(writer, "ended", std::uint64_t{sandboxes.kept});
  put(writer, "removed", sandboxes.removed);
  put(writer, "remove_failed", sandboxes.failed);
  put(writer, "max_age_seconds", seconds(sandboxes.max_age));
  put(writer, "disk_usage", sandboxes.disk_usage);
  writer.EndObject();
  key(writer, "logs");
  writer.StartObject();
  put(writer, "cuts", logs.cuts);
  put(writer, "cut_bytes", logs.cut_bytes);
  writer.EndObject();
}

}  // namespace

void append_usage_metrics(core::MetricsText& out, const AgentFacts& facts,
                          const UsageSample& sample, const SandboxGcCounters& sandboxes,
                          const LogCutterCounters& logs) {
  add_agent(out, facts, sample);
  add_machine(out, sample.machine);
  add_disk(out, sandboxes, logs);
  add_tasks(out, sample);
}

void append_launch_metrics(core::MetricsText& out, const ExecutorCounters& launches) {
  out.one("shoal_agent_launches_failed_total", "counter", "Tasks that could not be started.",
          launches.failed.value());
  out.histogram("shoal_agent_launch_seconds",
                "From the order to start a task to its supervisor's word that it runs.",
                {&launches.launch});
  out.histogram("shoal_agent_spawn_seconds",
                "How long the event loop was held up by starting a supervisor.", {&launches.spawn});
  out.histogram("shoal_agent_launch_files_seconds",
                "How long the disk took for the sandbox and the record of a task.",
                {&launches.files});
}

std::string usage_json(const AgentFacts& facts, const UsageSample& sample,
                       const SandboxGcCounters& sandboxes, const LogCutterCounters& logs) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "agent", facts.id);
  put(writer, "hostname", facts.hostname);
  put(writer, "version", facts.version);
  key(writer, "sampled_ms");
  writer.Int64(sample.sampled_ms);
  put_machine(writer, sample.machine);
  put_housekeeping(writer, sample, sandboxes, logs);
  key(writer, "tasks");
  writer.StartArray();
  for (const UsageSample::OfTask& task : sample.tasks) put_task(writer, task);
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace shoal::agent
