// openapi.json against a running cluster: it is sound, every example of it is executed, and what
// comes back is what it describes.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using nlohmann::json;

struct Answer {
  int status = 0;
  std::string text;
};

// curl, as an operator would.
Answer ask(const std::string& method, const std::string& url, const std::string& body) {
  std::vector<std::string> words = {"/usr/bin/curl", "-sS", "--max-time",    "30", "-X",
                                    method,          "-w",  "\n%{http_code}"};
  if (!body.empty()) {
    words.insert(words.end(), {"-H", "Content-Type: application/json", "-d", body});
  }
  words.push_back(url);
  const Result result = run(words);
  EXPECT_EQ(result.exit_code, 0) << url << " " << result.err;
  const std::size_t line = result.out.rfind('\n');
  if (line == std::string::npos) return {};
  return {std::stoi(result.out.substr(line + 1)), result.out.substr(0, line)};
}

class Description {
 public:
  explicit Description(json document) : document_(std::move(document)) {}

  const json& document() const { return document_; }

  const json& resolve(const json& schema) const {
    if (!schema.contains("$ref")) return schema;
    const std::string name = schema["$ref"];
    return document_.at(json::json_pointer(name.substr(1)));
  }

  // What of `value` is not as the schema says; empty: nothing.
  std::string differs(const json& value, const json& unresolved, const std::string& path) const {
    const json& schema = resolve(unresolved);
    if (value.is_null()) return schema.value("nullable", false) ? "" : path + " is null";
    const std::string type = schema.at("type");
    if (!has_type(value, type)) return path + " is no " + type;
    if (schema.contains("enum")) {
      const json& known = schema["enum"];
      if (std::find(known.begin(), known.end(), value) == known.end()) {
        return path + " is unknown: " + value.dump();
      }
    }
    if (type == "array") {
      for (const json& item : value) {
        if (auto wrong = differs(item, schema.at("items"), path + "[]"); !wrong.empty())
          return wrong;
      }
    }
    return type == "object" ? object_differs(value, schema, path) : "";
  }

 private:
  static bool has_type(const json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    return type == "array" ? value.is_array() : value.is_object();
  }

  std::string object_differs(const json& value, const json& schema, const std::string& path) const {
    for (const json& name : schema.value("required", json::array())) {
      if (!value.contains(name)) return path + " has no " + name.get<std::string>();
    }
    const json properties = schema.value("properties", json::object());
    for (const auto& [name, member] : value.items()) {
      const std::string at = path + "." + name;
      if (properties.contains(name)) {
        if (auto wrong = differs(member, properties[name], at); !wrong.empty()) return wrong;
      } else if (!schema.contains("additionalProperties")) {
        return at + " is not described";
      } else if (schema["additionalProperties"].is_object()) {
        if (auto wrong = differs(member, schema["additionalProperties"], at); !wrong.empty()) {
          return wrong;
        }
      }
    }
    return "";
  }

  json document_;
};

// One master, one agent, a framework with a task that runs until it is killed.
class OpenApiTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(cluster.is_ready());
    url = "http://" + cluster.master();
    job = cluster.start_shoal({"run", "--name", "example", "--", "sleep", "1000"});
    ASSERT_TRUE(eventually([&] {
      const json tasks = json::parse(ask("GET", url + "/v1/tasks?state=running", "").text)["tasks"];
      if (tasks.empty()) return false;
      names["{task}"] = tasks[0]["id"];
      names["{framework}"] = tasks[0]["framework"];
      names["{agent}"] = tasks[0]["agent"];
      return true;
    }));
    names["h0"] = "agent-1";
    description =
        std::make_unique<Description>(json::parse(ask("GET", url + "/openapi.json", "").text));
  }
  void TearDown() override {
    job->signal(SIGKILL);
    job->wait();
  }

  std::string named(std::string text) const {
    for (const auto& [from, to] : names) {
      for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
        text.replace(at, from.size(), to);
      }
    }
    return text;
  }

  // The operation with all its examples.
  void execute(const std::string& path, const std::string& method, const json& operation) {
    std::string target = path;
    std::string query;
    for (const json& parameter : operation["parameters"]) {
      if (!parameter.contains("example")) continue;
      const json& example = parameter["example"];
      const std::string value =
          named(example.is_string() ? example.get<std::string>() : example.dump());
      const std::string name = parameter["name"];
      if (parameter["in"] == "path") {
        target.replace(target.find("{" + name + "}"), name.size() + 2, value);
      } else {
        query += (query.empty() ? "?" : "&") + name + "=" + value;
      }
    }
    std::string body;
    if (operation.contains("requestBody")) {
      body = named(operation["requestBody"]["content"]["application/json"]["example"].dump());
    }
    const Answer answer = ask(method, url + target + query, body);
    EXPECT_EQ(answer.status, 200) << method << " " << target << query << "\n" << answer.text;
    const json& content = operation["responses"]["200"]["content"];
    if (!content.contains("application/json")) return;
    const json value = json::parse(answer.text, nullptr, false);
    json schema = content["application/json"]["schema"];
    // The examples of `fields` leave out most of each record.
    if (query.find("fields=") != std::string::npos) {
      EXPECT_TRUE(value.is_object()) << target;
    } else {
      EXPECT_EQ(description->differs(value, schema, "answer"), "") << target;
    }
  }

  Cluster cluster{{"--agents", "1"}};
  std::string url;
  std::unique_ptr<Process> job;
  std::map<std::string, std::string> names;
  std::unique_ptr<Description> description;
};

TEST_F(OpenApiTest, TheDescriptionIsSound) {
  std::set<std::string> ids;
  std::size_t references = 0;
  for (const auto& [path, methods] : description->document()["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      EXPECT_TRUE(ids.insert(operation.at("operationId")).second) << path;
      EXPECT_FALSE(operation.at("summary").get<std::string>().empty()) << path;
      EXPECT_TRUE(operation.at("responses").contains("200")) << path;
      std::set<std::string> in_path;
      for (const json& parameter : operation.at("parameters")) {
        EXPECT_TRUE(parameter.contains("schema") && parameter.contains("description")) << path;
        if (parameter.at("in") == "path")
          in_path.insert("{" + parameter["name"].get<std::string>() + "}");
      }
      for (const std::string& name : in_path) EXPECT_NE(path.find(name), std::string::npos) << path;
      EXPECT_EQ(std::count(path.begin(), path.end(), '{'), static_cast<long>(in_path.size()))
          << path;
    }
  }
  const std::string text = description->document().dump();
  for (std::size_t at = 0; (at = text.find("{\"$ref\":\"", at)) != std::string::npos;
       ++references) {
    const std::size_t begin = at + 9;
    at = text.find('"', begin);
    EXPECT_NO_THROW(description->resolve({{"$ref", text.substr(begin, at - begin)}}));
  }
  EXPECT_GT(references, 50u);
}

TEST_F(OpenApiTest, WhatIsReadIsAsDescribed) {
  for (const auto& [path, methods] : description->document()["paths"].items()) {
    if (!methods.contains("get")) continue;
    // Whole records, without what narrows them down.
    json operation = methods["get"];
    std::erase_if(operation["parameters"].get_ref<json::array_t&>(), [](const json& parameter) {
      return parameter["in"] == "query" && !parameter["required"].get<bool>() &&
             parameter["name"] != "follow";
    });
    if (path.find("{role}") != std::string::npos) continue;  // after actions have made one
    execute(path, "GET", operation);
  }
}

TEST_F(OpenApiTest, EveryExampleIsExecuted) {
  const json& paths = description->document()["paths"];
  const auto act = [&](const std::string& path, const std::string& method) {
    execute(path,
            method == "get"      ? "GET"
            : method == "put"    ? "PUT"
            : method == "delete" ? "DELETE"
                                 : "POST",
            paths.at(path).at(method));
  };
  std::set<std::string> rest;
  for (const auto& [path, methods] : paths.items()) {
    for (const auto& [method, operation] : methods.items()) rest.insert(method + " " + path);
  }
  // Those that change things, in an order in which each is possible; then all others.
  const std::pair<const char*, const char*> first[] = {{"put", "/v1/weights/{role}"},
                                                       {"put", "/v1/quotas/{role}"},
                                                       {"get", "/v1/roles/{role}"},
                                                       {"get", "/v1/quotas/{role}"},
                                                       {"get", "/v1/weights/{role}"},
                                                       {"delete", "/v1/quotas/{role}"},
                                                       {"delete", "/v1/weights/{role}"},
                                                       {"post", "/v1/agents/{id}/operations"},
                                                       {"post", "/v1/agents/{id}/deactivate"},
                                                       {"post", "/v1/agents/{id}/reactivate"}};
  const std::pair<const char*, const char*> last[] = {{"post", "/v1/tasks/{id}/kill"},
                                                      {"post", "/v1/frameworks/{id}/teardown"},
                                                      {"post", "/v1/agents/{id}/drain"},
                                                      {"post", "/v1/agents/{id}/gone"}};
  for (const auto& [method, path] : first) {
    act(path, method);
    rest.erase(std::string(method) + " " + path);
  }
  for (const auto& [method, path] : last) rest.erase(std::string(method) + " " + path);
  // Nobody could take over here; tests/integration/election_test has a master that can.
  rest.erase("post /v1/step-down");
  EXPECT_EQ(ask("POST", url + "/v1/step-down", "{}").status, 409);
  for (const std::string& operation : rest) {
    act(operation.substr(operation.find(' ') + 1), operation.substr(0, operation.find(' ')));
  }
  // A framework that hears of its task's end would end itself before it is torn down.
  ASSERT_TRUE(job->freeze());
  for (const auto& [method, path] : last) act(path, method);
}

}  // namespace
}  // namespace shoal::test
