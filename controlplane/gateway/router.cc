#include "controlplane/gateway/router.h"

#include <algorithm>

#include "controlplane/api/declarations.h"

namespace orch::gateway {
namespace {

namespace pb = ::google::protobuf;

std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> segments;
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    segments.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return segments;
}

bool IsVariable(const std::string& segment) { return segment.front() == '{'; }

// Orders paths: words before variables, segment by segment.
std::vector<bool> Variables(const std::string& path) {
  std::vector<bool> variables;
  for (const std::string& segment : Split(path)) variables.push_back(IsVariable(segment));
  return variables;
}

bool Fits(const std::vector<std::string>& path, const std::vector<std::string>& segments,
          size_t from) {
  if (path.size() - 1 != segments.size() - from) return false;
  for (size_t i = 1; i < path.size(); ++i) {
    if (!IsVariable(path[i]) && path[i] != segments[from + i - 1]) return false;
  }
  return true;
}

}  // namespace

Router::Router(const std::vector<const pb::ServiceDescriptor*>& services)
    // What other releases and editions serve without a tenant.
    : words_{"flows",      "executions",  "triggers",    "logs",         "metrics",
             "namespaces", "kv",          "outputs",     "expressions",  "operations",
             "stream",     "views",       "plugins",     "dashboards",   "stats",
             "blueprints", "taskruns",    "templates",   "configs",      "certificates",
             "secrets",    "credentials", "usages",      "dependencies", "concurrency-limit",
             "apps",       "assets",      "openapi.json"} {
  for (const pb::ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      for (v1::Rest& rest : api::RestOf(*service->method(i))) {
        routes_.push_back(Route{service->method(i), std::move(rest)});
      }
    }
  }
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return Variables(a.rest.path()) < Variables(b.rest.path());
  });
  for (const Route& route : routes_) {
    paths_.push_back(Split(route.rest.path()));
    words_.insert(paths_.back()[1]);
  }
}

Match Router::Find(const std::string& method, const std::vector<std::string>& segments) const {
  Match match;
  if (segments.size() < 3 || segments[0] != "api" || segments[1] != "v1") return match;
  const bool tenantless = words_.count(segments[2]) > 0;
  const std::string tenant = tenantless ? "main" : segments[2];
  for (size_t i = 0; i < routes_.size(); ++i) {
    const std::vector<std::string>& path = paths_[i];
    const bool has_tenant = path[0] == "T";
    const size_t from = has_tenant && !tenantless ? 3 : 2;
    if (from > segments.size() || !Fits(path, segments, from)) continue;
    const Route& route = routes_[i];
    match.methods.insert(route.rest.method());
    if (match.route != nullptr || route.rest.method() != method) continue;
    match.route = &route;
    const pb::Descriptor& request = *route.method->input_type();
    if (has_tenant) match.fields.emplace_back(request.FindFieldByName("tenant"), tenant);
    for (size_t s = 1; s < path.size(); ++s) {
      if (!IsVariable(path[s])) continue;
      match.fields.emplace_back(request.FindFieldByName(path[s].substr(1, path[s].size() - 2)),
                                segments[from + s - 1]);
    }
  }
  return match;
}

}  // namespace orch::gateway
