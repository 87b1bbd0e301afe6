// What operators ask about the election, over HTTP: who the masters are, and that the leader hands
// over. `shoal masters` and `shoal step-down` ask these.
//
//   GET /masters      {"masters":[{"id","address","state","since_ms","version","epoch"},…]}
//   POST /step-down   with Content-Type: application/json, which no page of another site can send
//                     unasked. 200 {"epoch":…}: of the term that ends. 409: why not
//
// The operator API has both: GET /v1/masters with `since` as its other records have times, and
// POST /v1/step-down, which answers {"done":true,"epoch":…}.
#pragma once

#include "master/http_pages.h"
#include "net/http.h"

namespace shoal::master {

net::HttpResponse masters_page(const MasterInfo& info);
net::HttpResponse api_masters(const MasterInfo& info);

// Does it, if it can.
net::HttpResponse step_down(const MasterInfo& info, const net::HttpRequest& request);
net::HttpResponse api_step_down(const MasterInfo& info, const net::HttpRequest& request);

}  // namespace shoal::master
