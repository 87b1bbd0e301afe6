// What helps to find out what a master does: /v1/debug/flight, and /v1/log-level.
#pragma once

#include <vector>

#include "net/http_server.h"
#include "net/log.h"
#include "net/reactor.h"

namespace shoal::master {

// Of whom: a master that leads, or one that stands by.
struct DebugSubject {
  std::vector<const net::Reactor*> reactors;
  net::Log* log = nullptr;  // nullptr: there is none
};

// Answers, or returns false: the path is another.
bool serve_debug(const DebugSubject& subject, const net::HttpRequest& request,
                 net::HttpResponder responder);

}  // namespace shoal::master
