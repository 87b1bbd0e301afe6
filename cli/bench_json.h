// How a bench's figures are written as JSON: one object in one line.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/latency_histogram.h"

namespace shoal::cli {

inline double micros(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

class BenchJson {
 public:
  using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

  // Fractions are cut after so many decimals.
  BenchJson(std::string_view bench, int decimals);
  BenchJson(const BenchJson&) = delete;
  BenchJson& operator=(const BenchJson&) = delete;

  void text(const char* key, std::string_view value);
  void count(const char* key, std::uint64_t value);
  void number(const char* key, double value);
  void maybe(const char* key, const std::optional<double>& value);  // else null
  // Quantiles in microseconds, and the samples; null without any.
  void latency(const char* key, const load::LatencyHistogram& latency);
  // Where and when this program measures, and what it is.
  void origin();
  // For what is none of these; inside the object.
  Writer& writer() { return writer_; }

  // Ends the object.
  std::string finish();

 private:
  rapidjson::StringBuffer buffer_;
  Writer writer_{buffer_};
};

}  // namespace shoal::cli
