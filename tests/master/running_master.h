// A master on one reactor and a port that the kernel picks, from start() to the end of the test.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "master/master.h"

namespace shoal::master {

class RunningMaster {
 public:
  RunningMaster() {
    std::string folder = testing::TempDir() + "shoal-master-XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    options.listen = "127.0.0.1:0";
    options.data_dir = folder;
    options.reactors = 1;
    options.version = "test";
  }
  ~RunningMaster() {
    if (thread_.joinable()) {
      ::kill(::getpid(), SIGTERM);
      thread_.join();
      EXPECT_TRUE(result_.ok()) << result_;
    }
    std::filesystem::remove_all(options.data_dir);
  }
  RunningMaster(const RunningMaster&) = delete;
  RunningMaster& operator=(const RunningMaster&) = delete;

  void start() {
    std::promise<std::string> ready;
    options.on_ready = [&ready](const std::string& bound) { ready.set_value(bound); };
    std::future<std::string> bound = ready.get_future();
    thread_ = std::thread([this] { result_ = run_master(options); });
    address_ = bound.get();
  }
  const std::string& address() const { return address_; }

  MasterOptions options;  // before start()

 private:
  std::string address_;
  std::thread thread_;
  absl::Status result_;
};

}  // namespace shoal::master
