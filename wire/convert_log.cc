// The log conversation.
#include "wire/convert.h"
#include "wire/log_generated.h"

namespace shoal::wire {

static Offset<fb::ReadLog> put(Builder& builder, const core::ReadLog& in) {
  const auto task = put_text(builder, in.task);
  return fb::CreateReadLog(builder, in.framework.value, task, static_cast<fb::LogStream>(in.stream),
                           in.offset, in.follow);
}

static void read(Reader& reader, const fb::ReadLog& in, core::ReadLog& out) {
  out.framework = reader.framework_id(in.framework());
  out.task = reader.name(in.task(), "task");
  out.stream = reader.enumerated<core::LogStream>(in.stream(), core::kLogStreams, "stream");
  out.offset = in.offset();
  out.follow = in.follow();
}

static Offset<fb::LogChunk> put(Builder& builder, const core::LogChunk& in) {
  const auto data = put_bytes(builder, in.data);
  return fb::CreateLogChunk(builder, in.offset, data, in.end);
}

static void read(Reader& reader, const fb::LogChunk& in, core::LogChunk& out) {
  out.offset = in.offset();
  out.data = reader.bytes(in.data(), "data", core::kMaxLogChunkBytes);
  out.end = in.end();
}

SHOAL_WIRE_MESSAGE(ReadLog)
SHOAL_WIRE_MESSAGE(LogChunk)

}  // namespace shoal::wire
