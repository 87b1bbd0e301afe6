// Certificates for tests, made by the openssl program in a temporary folder.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace shoal::test {

class Certificates {
 public:
  static constexpr const char* kProgram = "/usr/bin/openssl";
  static bool can_be_made() { return ::access(kProgram, X_OK) == 0; }

  Certificates() {
    std::string pattern = (std::filesystem::temp_directory_path() / "shoal-certs-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) folder_ = pattern;
    std::ofstream(folder_ + "/config") << "[req]\ndistinguished_name=dn\n[dn]\n";
  }
  ~Certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string cert(const std::string& name) const { return folder_ + "/" + name + ".pem"; }
  std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }
  std::string folder() const { return folder_; }

  // One that signs others.
  bool make_authority(const std::string& name) const {
    std::vector<std::string> words = request(name);
    words.insert(words.end(), {"-x509", "-days", "2", "-out", cert(name), "-addext",
                               "basicConstraints=critical,CA:TRUE"});
    return run(words);
  }
  // `alternatives`: "IP:127.0.0.1"; `days` it is good for: -1 is over.
  bool make(const std::string& name, const std::string& authority, const std::string& alternatives,
            int days = 2) const {
    const std::string wish = folder_ + "/" + name + ".csr";
    const std::string extensions = folder_ + "/" + name + ".ext";
    std::ofstream(extensions) << "subjectAltName=" << alternatives
                              << "\nextendedKeyUsage=serverAuth,clientAuth\n";
    std::vector<std::string> words = request(name);
    words.insert(words.end(), {"-new", "-out", wish});
    return run(words) && run({"x509", "-req", "-in", wish, "-CA", cert(authority), "-CAkey",
                              key(authority), "-CAcreateserial", "-days", std::to_string(days),
                              "-extfile", extensions, "-out", cert(name)});
  }

 private:
  std::vector<std::string> request(const std::string& name) const {
    return {"req",
            "-config",
            folder_ + "/config",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            key(name),
            "-subj",
            "/CN=" + name};
  }

  static bool run(const std::vector<std::string>& words) {
    std::vector<char*> arguments = {const_cast<char*>(kProgram)};
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      for (const int fd : {0, 1, 2}) ::dup2(null, fd);
      ::execv(kProgram, arguments.data());
      ::_exit(127);
    }
    int status = -1;
    return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
  }

  std::string folder_;
};

}  // namespace shoal::test
