#include "master/json_writer.h"

#include <rapidjson/document.h>

#include <string>

#include "gtest/gtest.h"

namespace shoal::master {
namespace {

std::string as_json(std::string_view text) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  writer.text(text);
  writer.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string as_rapidjson_writes_it(std::string_view text) {
  Buffer buffer;
  rapidjson::Writer<Buffer> writer(buffer);
  writer.StartArray();
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  writer.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

TEST(JsonWriter, EveryByteAtEveryPlaceIsWrittenAsRapidJsonDoes) {
  for (std::size_t size = 0; size <= 20; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'x');
        text[place] = static_cast<char>(byte);
        ASSERT_EQ(as_json(text), as_rapidjson_writes_it(text))
            << size << " " << place << " " << byte;
      }
    }
  }
  EXPECT_EQ(as_json(std::string_view()), "[\"\"]");
}

TEST(JsonWriter, FieldsOfAnObject) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "a\"b", "c\\d\n");
  put(writer, "n", std::int64_t{-5});
  put_milli(writer, "whole", core::Milli{3000});
  put_milli(writer, "part", core::Milli{-1250});
  put_bool(writer, "yes", true);
  put_null(writer, "no");
  put_time(writer, "never", 0);
  writer.EndObject();
  EXPECT_TRUE(writer.IsComplete());
  EXPECT_EQ(std::string(buffer.GetString(), buffer.GetSize()),
            R"({"a\"b":"c\\d\n","n":-5,"whole":3,"part":-1.25,"yes":true,"no":null,"never":null})");
}

TEST(JsonWriter, TimesAreUtc) {
  EXPECT_EQ(iso_time(1), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(iso_time(951'827'696'789), "2000-02-29T12:34:56.789Z");
  EXPECT_EQ(iso_time(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso_time(-1), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace shoal::master
