// /livez, /health and /readyz of a master that leads (net/health.h says how they look).
#pragma once

#include "master/http_pages.h"
#include "net/http.h"

namespace shoal::master {

// Its reactors turn. If not, it should be started again.
net::HttpResponse livez_page(const MasterInfo& info, const net::HttpRequest& request);

// That, and it can do its work: the registry takes what it is given, and there is room for peers.
net::HttpResponse readyz_page(const MasterInfo& info, const net::HttpRequest& request);

}  // namespace shoal::master
