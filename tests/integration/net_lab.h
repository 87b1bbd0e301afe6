// A laboratory of network namespaces: hosts on one bridge, each with an address, whose connections
// can be cut and healed while programs talk over them.
//
// The namespaces have no names: they are held by descriptors of this process and by what runs in
// them, so the kernel removes them, bridge and links included, however a test ends. Nothing of the
// machine's own network is touched.
//
// A cut loses packets without a word, as a broken switch does: the sender gives them a hardware
// address that nobody has.
//
// Threads: one makes and ends it and cuts; Inside is for any.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/shoal_process.h"

namespace shoal::test {

class NetLab {
 public:
  // Why there can be none here, as a reason to skip; "": there can.
  static std::string why_not();

  // At most 200 hosts, named as the test likes.
  explicit NetLab(std::vector<std::string> hosts);
  ~NetLab();
  NetLab(const NetLab&) = delete;
  NetLab& operator=(const NetLab&) = delete;

  const std::string& error() const { return error_; }  // "": it is there
  std::string address(std::string_view host) const;    // "10.77.0.1"

  // A program whose network is that of `host`.
  std::unique_ptr<Process> start(std::string_view host, std::vector<std::string> words,
                                 StartOptions options = {}) const;
  Result run(std::string_view host, std::vector<std::string> words,
             StartOptions options = {}) const;

  // Of what `from` sends to `to` nothing arrives any more; the other way it does.
  void cut_one_way(const std::string& from, const std::string& to);
  void heal_one_way(const std::string& from, const std::string& to);
  // Each of these from each of those, both ways.
  void cut(const std::vector<std::string>& these, const std::vector<std::string>& those);
  void heal(const std::vector<std::string>& these, const std::vector<std::string>& those);
  // The cable of the host.
  void set_link(std::string_view host, bool is_up);
  // Whatever the host sends comes so much later; zero: at once. False: this kernel cannot (netem).
  bool delay(std::string_view host, std::chrono::milliseconds by);

  // The calling thread's new sockets are in `host`, for as long as this lives.
  class Inside {
   public:
    Inside(const NetLab& lab, std::string_view host);
    explicit Inside(int netns);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    int before_ = -1;
  };

 private:
  struct Host {
    std::string name;
    int netns = -1;
  };

  std::size_t index_of(std::string_view host) const;  // the host must be one of them
  std::string path_of(int netns) const;
  // ip(8) with these lines in a namespace; false: error_ says what it complained about.
  bool configure(int netns, const std::string& lines);
  void send_to(const std::string& from, const std::vector<std::string>& to, bool arrives);

  std::vector<Host> hosts_;
  int switch_ = -1;  // the namespace of the bridge
  std::string error_;
};

}  // namespace shoal::test
