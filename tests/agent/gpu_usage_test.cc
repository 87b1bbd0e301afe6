#include "agent/gpu_usage.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

class GpuUsageTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(
        std::filesystem::path(root_.path() + "/" + path).parent_path());
    root_.write(path, text);
  }

  TempFolder root_;
};

TEST_F(GpuUsageTest, AMachineWithoutGpusHasNone) {
  EXPECT_TRUE(GpuReader(root_.path(), "/no/such/library").read().empty());
}

TEST_F(GpuUsageTest, AmdTellsItInFiles) {
  const std::string card = "sys/class/drm/card1/device/";
  write(card + "gpu_busy_percent", "42\n");
  write(card + "mem_info_vram_total", "17163091968\n");
  write(card + "mem_info_vram_used", "1048576\n");
  write(card + "product_name", "Some Instinct\n");
  write("sys/class/drm/card1-HDMI-A-1/device/gpu_busy_percent", "1\n");  // what it is connected to
  write("sys/class/drm/card0/device/vendor", "0x8086\n");                // another driver's
  write("sys/class/drm/card2/device/gpu_busy_percent", "nonsense");
  const auto gpus = GpuReader(root_.path()).read();
  ASSERT_EQ(gpus.size(), 1u);
  EXPECT_EQ(gpus[0].name, "card1");
  EXPECT_EQ(gpus[0].model, "Some Instinct");
  EXPECT_EQ(gpus[0].busy_percent, 42u);
  EXPECT_EQ(gpus[0].memory_bytes, 17'163'091'968u);
  EXPECT_EQ(gpus[0].memory_used_bytes, 1'048'576u);
}

TEST_F(GpuUsageTest, WhatIsAbsurdIsCut) {
  write("sys/class/drm/card0/device/gpu_busy_percent", "4000\n");
  write("sys/class/drm/card0/device/mem_info_vram_total", "10\n");
  write("sys/class/drm/card0/device/mem_info_vram_used", "11\n");
  write("sys/class/drm/card0/device/product_name", "a\x1b[31m\n");
  const auto gpus = GpuReader(root_.path()).read();
  ASSERT_EQ(gpus.size(), 1u);
  EXPECT_EQ(gpus[0].busy_percent, 100u);
  EXPECT_EQ(gpus[0].memory_used_bytes, 10u);
  EXPECT_EQ(gpus[0].model, "");
}

TEST_F(GpuUsageTest, NvidiaIsAskedThroughItsLibraryWhereTheDriverIs) {
  EXPECT_TRUE(GpuReader(root_.path(), SHOAL_FAKE_NVML).read().empty()) << "there is no driver";
  write("proc/driver/nvidia/version", "NVRM version: 1\n");
  EXPECT_TRUE(GpuReader(root_.path(), "/no/such/library").read().empty());
  GpuReader reader(root_.path(), SHOAL_FAKE_NVML);
  for (int i = 0; i < 2; ++i) {
    const auto gpus = reader.read();
    ASSERT_EQ(gpus.size(), 2u);
    EXPECT_EQ(gpus[0].name, "nvidia0");
    EXPECT_EQ(gpus[0].model, "Test GPU 0");
    EXPECT_EQ(gpus[0].busy_percent, 75u);
    EXPECT_EQ(gpus[0].memory_bytes, 1000u);
    EXPECT_EQ(gpus[0].memory_used_bytes, 600u);
    EXPECT_EQ(gpus[1].busy_percent, std::nullopt);
  }
}

}  // namespace
}  // namespace shoal::agent
