#include "agent/gpu_usage.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/proc_file.h"
#include "core/text.h"

namespace shoal::agent {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

std::string clean(std::string_view text) {
  const std::string_view line = trimmed(text);
  return core::is_clean_text(line) ? std::string(line) : std::string();
}

// A number alone in a file.
template <typename Number>
std::optional<Number> read_number(const std::string& path) {
  const std::string text = read_proc_file(path);
  Number number = 0;
  if (!core::parse_int(trimmed(text), &number)) return std::nullopt;
  return number;
}

// "card0", but not "card0-HDMI-A-1".
bool is_card(std::string_view name) {
  return name.substr(0, 4) == "card" && name.size() > 4 &&
         std::all_of(name.begin() + 4, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// https://docs.kernel.org/gpu/amdgpu/thermal.html and driver-misc.html name the files.
void add_amd(const std::string& root, std::vector<GpuUsage>& gpus) {
  std::error_code error;
  const std::string drm = root + "/sys/class/drm";
  for (std::filesystem::directory_iterator it(drm, error), end; !error && it != end;
       it.increment(error)) {
    GpuUsage gpu;
    gpu.name = it->path().filename().string();
    if (!is_card(gpu.name)) continue;
    const std::string device = drm + "/" + gpu.name + "/device/";
    const auto total = read_number<std::uint64_t>(device + "mem_info_vram_total");
    const auto busy = read_number<std::uint32_t>(device + "gpu_busy_percent");
    if (!total.has_value() && !busy.has_value()) continue;  // another driver's
    if (busy.has_value()) gpu.busy_percent = std::min(*busy, 100U);
    gpu.memory_bytes = total.value_or(0);
    const auto used = read_number<std::uint64_t>(device + "mem_info_vram_used");
    gpu.memory_used_bytes = std::min(used.value_or(0), gpu.memory_bytes);
    gpu.model = clean(read_proc_file(device + "product_name"));
    if (gpus.size() < kMaxGpus) gpus.push_back(std::move(gpu));
  }
}

}  // namespace

// What is used of NVML; the signatures are those of NVIDIA's reference, version 2 of its calls.
class NvmlLibrary {
 public:
  // nullptr: it cannot be used here.
  static std::unique_ptr<NvmlLibrary> load(const std::string& file) {
    auto library = std::make_unique<NvmlLibrary>();
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed
    if (handle == nullptr) return nullptr;
    int (*init)() = nullptr;
    const bool found = find(handle, "nvmlInit_v2", &init) &&
                       find(handle, "nvmlDeviceGetCount_v2", &library->count_) &&
                       find(handle, "nvmlDeviceGetHandleByIndex_v2", &library->device_) &&
                       find(handle, "nvmlDeviceGetName", &library->name_) &&
                       find(handle, "nvmlDeviceGetUtilizationRates", &library->rates_) &&
                       find(handle, "nvmlDeviceGetMemoryInfo", &library->memory_);
    if (!found || init() != kSuccess) return nullptr;
    return library;
  }

  void add_to(std::vector<GpuUsage>& gpus) const {
    unsigned count = 0;
    if (count_(&count) != kSuccess) return;
    for (unsigned i = 0; i < count && gpus.size() < kMaxGpus; ++i) {
      Device device = nullptr;
      if (device_(i, &device) != kSuccess) continue;
      GpuUsage gpu;
      gpu.name = fmt::format("nvidia{}", i);
      std::array<char, 96> name{};
      if (name_(device, name.data(), static_cast<unsigned>(name.size() - 1)) == kSuccess) {
        gpu.model = clean(name.data());
      }
      Rates rates;
      if (rates_(device, &rates) == kSuccess) gpu.busy_percent = std::min(rates.gpu, 100U);
      Memory memory;
      if (memory_(device, &memory) == kSuccess) {
        gpu.memory_bytes = memory.total;
        gpu.memory_used_bytes = std::min(memory.used, memory.total);
      }
      gpus.push_back(std::move(gpu));
    }
  }

 private:
  static constexpr int kSuccess = 0;
  using Device = void*;
  struct Rates {
    unsigned gpu = 0;
    unsigned memory = 0;
  };
  struct Memory {
    unsigned long long total = 0;
    unsigned long long free = 0;
    unsigned long long used = 0;
  };

  template <typename Function>
  static bool find(void* handle, const char* name, Function* function) {
    *function = reinterpret_cast<Function>(::dlsym(handle, name));
    return *function != nullptr;
  }

  int (*count_)(unsigned*) = nullptr;
  int (*device_)(unsigned, Device*) = nullptr;
  int (*name_)(Device, char*, unsigned) = nullptr;
  int (*rates_)(Device, Rates*) = nullptr;
  int (*memory_)(Device, Memory*) = nullptr;
};

GpuReader::GpuReader(std::string root, std::string nvml)
    : root_(std::move(root)), nvml_file_(std::move(nvml)) {}
GpuReader::~GpuReader() = default;

std::vector<GpuUsage> GpuReader::read() {
  std::vector<GpuUsage> gpus;
  add_amd(root_, gpus);
  if (!was_looked_for_) {
    was_looked_for_ = true;
    std::error_code error;
    const bool has_driver = std::filesystem::exists(root_ + "/proc/driver/nvidia/version", error);
    if (has_driver) nvml_ = NvmlLibrary::load(nvml_file_);
  }
  if (nvml_ != nullptr) nvml_->add_to(gpus);
  std::sort(gpus.begin(), gpus.end(),
            [](const GpuUsage& a, const GpuUsage& b) { return a.name < b.name; });
  return gpus;
}

}  // namespace shoal::agent
