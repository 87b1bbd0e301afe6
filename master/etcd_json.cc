#include "master/etcd_json.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::master {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
using rapidjson::Value;

absl::string_view absl_view(std::string_view text) { return {text.data(), text.size()}; }

// --- questions ---

void put_text(Writer& writer, std::string_view name, std::string_view text) {
  writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put_bytes(Writer& writer, std::string_view name, std::string_view bytes) {
  std::string text;
  absl::Base64Escape(absl_view(bytes), &text);
  put_text(writer, name, text);
}

void put_number(Writer& writer, std::string_view name, std::int64_t number) {
  put_text(writer, name, std::to_string(number));
}

void begin(Writer& writer, std::string_view name) {
  writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  writer.StartObject();
}

std::string text_of(const rapidjson::StringBuffer& buffer) {
  return {buffer.GetString(), buffer.GetSize()};
}

void put_compare(Writer& writer, const EtcdCompare& compare) {
  writer.StartObject();
  put_bytes(writer, "key", compare.key);
  put_text(writer, "result", "EQUAL");
  switch (compare.what) {
    case EtcdCompare::What::kCreateRevision:
      put_text(writer, "target", "CREATE");
      put_number(writer, "create_revision", compare.revision);
      break;
    case EtcdCompare::What::kModRevision:
      put_text(writer, "target", "MOD");
      put_number(writer, "mod_revision", compare.revision);
      break;
    case EtcdCompare::What::kValue:
      put_text(writer, "target", "VALUE");
      put_bytes(writer, "value", compare.value);
      break;
  }
  writer.EndObject();
}

void put_op(Writer& writer, const EtcdOp& op) {
  writer.StartObject();
  switch (op.kind) {
    case EtcdOp::Kind::kPut:
      begin(writer, "request_put");
      put_bytes(writer, "value", op.value);
      if (op.lease != 0) put_number(writer, "lease", op.lease);
      break;
    case EtcdOp::Kind::kGet:
      begin(writer, "request_range");
      break;
    case EtcdOp::Kind::kDelete:
      begin(writer, "request_delete_range");
      break;
  }
  put_bytes(writer, "key", op.key);
  if (!op.range_end.empty()) put_bytes(writer, "range_end", op.range_end);
  writer.EndObject();
  writer.EndObject();
}

void put_ops(Writer& writer, std::string_view name, const std::vector<EtcdOp>& ops) {
  writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  writer.StartArray();
  for (const EtcdOp& op : ops) put_op(writer, op);
  writer.EndArray();
}

// --- answers ---

absl::Status strange(std::string_view what) {
  return absl::InternalError(fmt::format("its answer is not etcd's: {}", what));
}

const Value* member(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string_view view_of(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

// A number that is absent is 0: the gateway leaves out what is.
absl::Status read_number(const Value& object, const char* name, std::int64_t* number) {
  const Value* value = member(object, name);
  *number = 0;
  if (value == nullptr) return absl::OkStatus();
  if (value->IsInt64()) {
    *number = value->GetInt64();
    return absl::OkStatus();
  }
  if (value->IsString() && core::parse_int(view_of(*value), number)) return absl::OkStatus();
  return strange(fmt::format("'{}' is no number", name));
}

absl::Status read_bytes(const Value& object, const char* name, std::string* bytes) {
  const Value* value = member(object, name);
  bytes->clear();
  if (value == nullptr) return absl::OkStatus();
  if (value->IsString() && absl::Base64Unescape(absl_view(view_of(*value)), bytes)) {
    return absl::OkStatus();
  }
  return strange(fmt::format("'{}' is not in base64", name));
}

bool is_true(const Value& object, const char* name) {
  const Value* value = member(object, name);
  return value != nullptr && value->IsBool() && value->GetBool();
}

// Without recursion: an answer may be nested to any depth.
absl::Status parse(std::string_view json, rapidjson::Document& document) {
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError()) return strange("it is no JSON");
  if (!document.IsObject()) return strange("it is no object");
  return absl::OkStatus();
}

absl::Status read_revision(const Value& answer, std::int64_t* revision) {
  const Value* header = member(answer, "header");
  if (header == nullptr) return strange("it has no header");
  if (absl::Status read = read_number(*header, "revision", revision); !read.ok()) return read;
  return *revision > 0 ? absl::OkStatus() : strange("its header has no revision");
}

absl::Status read_row(const Value& from, EtcdRow& row) {
  if (!from.IsObject()) return strange("a row is no object");
  if (absl::Status read = read_bytes(from, "key", &row.key); !read.ok()) return read;
  if (absl::Status read = read_bytes(from, "value", &row.value); !read.ok()) return read;
  if (absl::Status read = read_number(from, "create_revision", &row.create_revision); !read.ok()) {
    return read;
  }
  return read_number(from, "mod_revision", &row.mod_revision);
}

absl::Status read_rows(const Value& from, std::vector<EtcdRow>& rows) {
  const Value* kvs = member(from, "kvs");
  if (kvs == nullptr) return absl::OkStatus();
  if (!kvs->IsArray()) return strange("'kvs' is no array");
  for (const Value& kv : kvs->GetArray()) {
    if (absl::Status read = read_row(kv, rows.emplace_back()); !read.ok()) return read;
  }
  return absl::OkStatus();
}

// What a stream has said: "result", or "error".
absl::StatusOr<const Value*> read_result(const rapidjson::Document& document) {
  const Value* result = member(document, "result");
  if (result != nullptr && result->IsObject()) return result;
  if (member(document, "error") == nullptr) return strange("it has neither result nor error");
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  document.Accept(writer);
  return absl::UnavailableError(error_text(text_of(buffer)));
}

}  // namespace

std::string range_body(const EtcdRangeQuery& query) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put_bytes(writer, "key", query.key);
  if (!query.range_end.empty()) put_bytes(writer, "range_end", query.range_end);
  if (query.limit != 0) put_number(writer, "limit", query.limit);
  if (query.revision != 0) put_number(writer, "revision", query.revision);
  writer.EndObject();
  return text_of(buffer);
}

std::string txn_body(const EtcdTxn& txn) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("compare");
  writer.StartArray();
  for (const EtcdCompare& compare : txn.compare) put_compare(writer, compare);
  writer.EndArray();
  put_ops(writer, "success", txn.success);
  put_ops(writer, "failure", txn.failure);
  writer.EndObject();
  return text_of(buffer);
}

std::string grant_body(std::chrono::seconds ttl) {
  return fmt::format("{{\"TTL\":\"{}\"}}", ttl.count());
}

std::string lease_body(std::int64_t lease) { return fmt::format("{{\"ID\":\"{}\"}}", lease); }

std::string watch_body(std::string_view key, std::int64_t revision) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  begin(writer, "create_request");
  put_bytes(writer, "key", key);
  put_number(writer, "start_revision", revision);
  writer.EndObject();
  writer.EndObject();
  return text_of(buffer);
}

absl::StatusOr<EtcdRange> read_range(std::string_view json) {
  rapidjson::Document document;
  if (absl::Status parsed = parse(json, document); !parsed.ok()) return parsed;
  EtcdRange range;
  if (absl::Status read = read_revision(document, &range.revision); !read.ok()) return read;
  if (absl::Status read = read_rows(document, range.rows); !read.ok()) return read;
  range.more = is_true(document, "more");
  return range;
}

absl::StatusOr<EtcdTxnAnswer> read_txn(std::string_view json) {
  rapidjson::Document document;
  if (absl::Status parsed = parse(json, document); !parsed.ok()) return parsed;
  EtcdTxnAnswer answer;
  if (absl::Status read = read_revision(document, &answer.revision); !read.ok()) return read;
  answer.succeeded = is_true(document, "succeeded");
  const Value* responses = member(document, "responses");
  if (responses == nullptr) return answer;
  if (!responses->IsArray()) return strange("'responses' is no array");
  for (const Value& response : responses->GetArray()) {
    const Value* range = member(response, "response_range");
    if (range == nullptr) continue;
    if (absl::Status read = read_rows(*range, answer.rows); !read.ok()) return read;
  }
  return answer;
}

absl::StatusOr<EtcdLease> read_grant(std::string_view json) {
  rapidjson::Document document;
  if (absl::Status parsed = parse(json, document); !parsed.ok()) return parsed;
  EtcdLease lease;
  std::int64_t ttl = 0;
  if (absl::Status read = read_number(document, "ID", &lease.id); !read.ok()) return read;
  if (absl::Status read = read_number(document, "TTL", &ttl); !read.ok()) return read;
  if (lease.id == 0 || ttl <= 0) return strange("it grants no lease");
  lease.ttl = std::chrono::seconds(ttl);
  return lease;
}

absl::StatusOr<std::chrono::seconds> read_keep_alive(std::string_view json) {
  rapidjson::Document document;
  if (absl::Status parsed = parse(json, document); !parsed.ok()) return parsed;
  const absl::StatusOr<const Value*> result = read_result(document);
  if (!result.ok()) return result.status();
  std::int64_t ttl = 0;
  if (absl::Status read = read_number(**result, "TTL", &ttl); !read.ok()) return read;
  if (ttl <= 0) return absl::NotFoundError("the lease is over");
  return std::chrono::seconds(ttl);
}

absl::StatusOr<EtcdWatchLine> read_watch_line(std::string_view json) {
  rapidjson::Document document;
  if (absl::Status parsed = parse(json, document); !parsed.ok()) return parsed;
  const absl::StatusOr<const Value*> result = read_result(document);
  if (!result.ok()) return result.status();
  const Value* events = member(**result, "events");
  EtcdWatchLine line;
  line.has_events = events != nullptr && events->IsArray() && !events->Empty();
  line.is_canceled = is_true(**result, "canceled");
  return line;
}

std::string error_text(std::string_view json) {
  rapidjson::Document document;
  if (parse(json, document).ok()) {
    // Streams have it one level deeper.
    const Value* error = member(document, "error");
    const Value* from = error != nullptr && error->IsObject() ? error : &document;
    const Value* message = member(*from, "message");
    if (message == nullptr) message = error;
    if (message != nullptr && message->IsString()) return core::printable(view_of(*message), 200);
  }
  return json.empty() ? "without a word" : core::printable(json, 80);
}

}  // namespace shoal::master
