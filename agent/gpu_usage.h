// How busy the machine's GPUs are. Of AMD's the kernel tells it (amdgpu, in /sys/class/drm), of
// NVIDIA's their library NVML, which is loaded where their driver is (decision 0026).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shoal::agent {

struct GpuUsage {
  std::string name;   // "card0", "nvidia1": as the device files are named
  std::string model;  // clean text; may be empty
  std::optional<std::uint32_t> busy_percent;
  std::uint64_t memory_bytes = 0;  // its own; 0: not known
  std::uint64_t memory_used_bytes = 0;
};

class NvmlLibrary;

// Reading blocks: to be called away from the loop, by one thread at a time.
class GpuReader {
 public:
  // `root` is put before /sys and /proc: empty for the machine, a folder in tests; likewise `nvml`.
  explicit GpuReader(std::string root = "", std::string nvml = "libnvidia-ml.so.1");
  ~GpuReader();
  GpuReader(const GpuReader&) = delete;
  GpuReader& operator=(const GpuReader&) = delete;

  // In order of name, kMaxGpus at most; empty: there are none.
  std::vector<GpuUsage> read();

 private:
  std::string root_;
  std::string nvml_file_;
  bool was_looked_for_ = false;  // NVML
  std::unique_ptr<NvmlLibrary> nvml_;
};

inline constexpr std::size_t kMaxGpus = 64;

}  // namespace shoal::agent
