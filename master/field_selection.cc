#include "master/field_selection.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>

#include "master/json_writer.h"

namespace shoal::master {
namespace {

using Size = rapidjson::SizeType;

// Passes on what belongs to a wanted field of the outermost object.
class Selection : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Selection> {
 public:
  Selection(Writer& writer, const std::vector<std::string>& fields)
      : writer_(writer), fields_(fields) {}

  bool Null() { return !is_on() || writer_.Null(); }
  bool Bool(bool value) { return !is_on() || writer_.Bool(value); }
  // As it is written: no number changes on its way.
  bool RawNumber(const char* text, Size size, bool /*copy*/) {
    return !is_on() || writer_.RawValue(text, size, rapidjson::kNumberType);
  }
  bool String(const char* text, Size size, bool /*copy*/) {
    return !is_on() || writer_.String(text, size);
  }
  bool Key(const char* text, Size size, bool /*copy*/) {
    if (depth_ == 1) {
      is_wanted_ =
          std::find(fields_.begin(), fields_.end(), std::string_view(text, size)) != fields_.end();
    }
    return !is_on() || writer_.Key(text, size);
  }
  bool StartObject() {
    const bool done = depth_ == 0 || is_on() ? writer_.StartObject() : true;
    ++depth_;
    return done;
  }
  bool EndObject(Size /*members*/) {
    --depth_;
    return depth_ == 0 || is_on() ? writer_.EndObject() : true;
  }
  bool StartArray() {
    ++depth_;
    return !is_on() || writer_.StartArray();
  }
  bool EndArray(Size /*elements*/) {
    --depth_;
    return !is_on() || writer_.EndArray();
  }

 private:
  bool is_on() const { return is_wanted_; }

  Writer& writer_;
  const std::vector<std::string>& fields_;
  int depth_ = 0;
  bool is_wanted_ = false;  // the field of the outermost object that is being read
};

}  // namespace

std::string select_fields(std::string_view object, const std::vector<std::string>& fields) {
  Buffer buffer;
  Writer writer(buffer);
  Selection selection(writer, fields);
  rapidjson::MemoryStream stream(object.data(), object.size());
  rapidjson::Reader reader;
  reader.Parse<rapidjson::kParseNumbersAsStringsFlag>(stream, selection);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace shoal::master
