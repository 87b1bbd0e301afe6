#include "cli/bench_json.h"

#include "cli/bench_result.h"
#include "cli/version.h"
#include "master/json_writer.h"
#include "net/clock.h"

namespace shoal::cli {

BenchJson::BenchJson(std::string_view bench, int decimals) {
  writer_.SetMaxDecimalPlaces(decimals);
  writer_.StartObject();
  text("bench", bench);
}

void BenchJson::text(const char* key, std::string_view value) {
  writer_.Key(key);
  writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void BenchJson::count(const char* key, std::uint64_t value) {
  writer_.Key(key);
  writer_.Uint64(value);
}

void BenchJson::number(const char* key, double value) {
  writer_.Key(key);
  writer_.Double(value);
}

void BenchJson::maybe(const char* key, const std::optional<double>& value) {
  writer_.Key(key);
  value.has_value() ? writer_.Double(*value) : writer_.Null();
}

void BenchJson::latency(const char* key, const load::LatencyHistogram& latency) {
  writer_.Key(key);
  if (latency.count() == 0) {
    writer_.Null();
    return;
  }
  writer_.StartObject();
  number("p50", micros(latency.quantile(0.5)));
  number("p99", micros(latency.quantile(0.99)));
  number("p999", micros(latency.quantile(0.999)));
  number("max", micros(latency.quantile(1)));
  count("samples", latency.count());
  writer_.EndObject();
}

void BenchJson::origin() {
  const VersionInfo version = version_info();
  text("machine", describe_machine());
  text("commit", version.commit);
  text("allocator", version.allocator);
  text("when", master::iso_time(net::wall_now_ms()));
}

std::string BenchJson::finish() {
  writer_.EndObject();
  return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n";
}

}  // namespace shoal::cli
