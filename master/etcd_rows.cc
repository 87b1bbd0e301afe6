#include "master/etcd_rows.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <utility>

#include "core/crc32c.h"
#include "core/status.h"
#include "core/text.h"
#include "master/registry_text.h"

namespace shoal::master {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
using rapidjson::Value;

void put(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string_view view_of(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

bool parse(std::string_view json, rapidjson::Document& document) {
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return !document.HasParseError();
}

const Value* member(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string row_value(const RegistryText& row) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("crc");
  writer.Uint(checksum_of(row.table, row.values));
  writer.Key("values");
  writer.StartArray();
  for (const std::string& value : row.values) put(writer, value);
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

// An array of texts; false when it is something else.
bool read_texts(const Value* array, std::vector<std::string>& texts) {
  if (array == nullptr || !array->IsArray()) return false;
  for (const Value& text : array->GetArray()) {
    if (!text.IsString()) return false;
    texts.emplace_back(view_of(text));
  }
  return true;
}

std::uint32_t sum_of(std::string_view text) {
  return core::crc32c(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

constexpr std::size_t kSumDigits = 8;

}  // namespace

std::string cluster_value(const EtcdCluster& cluster) {
  return fmt::format("{{\"cluster_id\":\"{:016x}\",\"format\":{}}}", cluster.cluster_id,
                     cluster.format);
}

absl::StatusOr<EtcdCluster> read_cluster(std::string_view json) {
  rapidjson::Document document;
  EtcdCluster cluster;
  if (!parse(json, document)) return core::invalid("it is no JSON");
  const Value* format = member(document, "format");
  if (format == nullptr || !format->IsInt64() || format->GetInt64() < 1) {
    return core::invalid("it does not say which format it has");
  }
  cluster.format = format->GetInt64();
  const Value* id = member(document, "cluster_id");
  if (id != nullptr && id->IsString()) {
    const std::string_view digits = view_of(*id);
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, cluster.cluster_id, 16);
    if (error == std::errc() && stop == end && cluster.cluster_id != 0) return cluster;
  }
  return core::invalid("it does not say of which cluster it is");
}

EtcdOp op_of(std::string_view rows_prefix, const core::RegistryRow& row) {
  const RegistryText text = to_text(row);
  EtcdOp op;
  op.kind = text.erased ? EtcdOp::Kind::kDelete : EtcdOp::Kind::kPut;
  op.key =
      fmt::format("{}{}/{}", rows_prefix, registry_tables()[text.table].name, text.values.front());
  if (!text.erased) op.value = row_value(text);
  return op;
}

absl::Status read_etcd_row(std::string_view name, std::string_view value,
                           core::RegistryContents& into) {
  const std::size_t slash = name.find('/');
  const std::string_view table_name = name.substr(0, slash);
  std::size_t table = 0;
  while (table < registry_tables().size() && registry_tables()[table].name != table_name) ++table;
  if (slash == std::string_view::npos || table == registry_tables().size()) {
    return core::invalid("there is no such table");
  }
  rapidjson::Document document;
  if (!parse(value, document)) return core::invalid("it is no JSON");
  const Value* sum = member(document, "crc");
  std::vector<std::string> values;
  if (sum == nullptr || !sum->IsUint() || !read_texts(member(document, "values"), values)) {
    return core::invalid("it has not the shape of a row");
  }
  if (sum->GetUint() != checksum_of(table, values)) return core::invalid("its checksum is wrong");
  if (values.empty() || values.front() != name.substr(slash + 1)) {
    return core::invalid("it is that of another key");
  }
  return read_text(table, values, into);
}

// The sum of the rest, then an array of ["key","value"] or, for a delete, ["key"].
std::string journal_part(const std::vector<EtcdOp>& ops) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  for (const EtcdOp& op : ops) {
    writer.StartArray();
    put(writer, op.key);
    if (op.kind == EtcdOp::Kind::kPut) put(writer, op.value);
    writer.EndArray();
  }
  writer.EndArray();
  const std::string_view json(buffer.GetString(), buffer.GetSize());
  return fmt::format("{:0{}x}{}", sum_of(json), kSumDigits, json);
}

absl::StatusOr<std::vector<EtcdOp>> read_journal_part(std::string_view text) {
  std::uint32_t sum = 0;
  const std::string_view digits = text.substr(0, kSumDigits);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sum, 16);
  const std::string_view json = text.substr(digits.size());
  if (error != std::errc() || stop != digits.data() + kSumDigits || sum != sum_of(json)) {
    return core::invalid("its checksum is wrong");
  }
  rapidjson::Document document;
  if (!parse(json, document) || !document.IsArray()) return core::invalid("it is no array");
  std::vector<EtcdOp> ops;
  for (const Value& change : document.GetArray()) {
    std::vector<std::string> texts;
    if (!read_texts(&change, texts) || texts.empty() || texts.size() > 2) {
      return core::invalid("it has not the shape of a change");
    }
    EtcdOp& op = ops.emplace_back();
    op.kind = texts.size() == 2 ? EtcdOp::Kind::kPut : EtcdOp::Kind::kDelete;
    op.key = std::move(texts.front());
    if (texts.size() == 2) op.value = std::move(texts.back());
  }
  return ops;
}

}  // namespace shoal::master
