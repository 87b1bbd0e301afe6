// Stands for NVIDIA's NVML in gpu_usage_test: two GPUs, of which the second does not tell its load.
#include <cstdio>

extern "C" {

struct Rates {
  unsigned gpu;
  unsigned memory;
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

int nvmlInit_v2() { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  static int devices[2];
  *device = &devices[index];
  devices[index] = static_cast<int>(index);
  return 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned length) {
  std::snprintf(name, length, "Test GPU %d", *static_cast<int*>(device));
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, Rates* rates) {
  if (*static_cast<int*>(device) == 1) return 3;  // NVML_ERROR_NOT_SUPPORTED
  *rates = {75, 10};
  return 0;
}
int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  *memory = {1000, 400, 600};
  return 0;
}

}  // extern "C"
