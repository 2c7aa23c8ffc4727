// Router finds the RPC that serves an address. It is made from the declarations alone.
//
// Of several paths that match, the one whose earlier segments are words wins: `flows/search` before
// `flows/{namespace}`. A path that is served by other methods only is told apart from none.
//
// Threads     Immutable.
#pragma once

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/gateway/target.h"
#include "orch/v1/options.pb.h"

namespace orch::gateway {

namespace v1 = ::orch::v1;

struct Route {
  const google::protobuf::MethodDescriptor* method = nullptr;
  v1::Rest rest;
};

struct Match {
  const Route* route = nullptr;  // nullptr: nothing there for this method.
  // Fields of the request that the path fills, the tenant included.
  std::vector<std::pair<const google::protobuf::FieldDescriptor*, std::string>> fields;
  std::set<std::string> methods;  // All that are served at this path; empty: nothing is.
};

class Router {
 public:
  explicit Router(const std::vector<const google::protobuf::ServiceDescriptor*>& services);

  // `segments` of the whole path, `api` and `v1` included.
  Match Find(const std::string& method, const std::vector<std::string>& segments) const;

  const std::vector<Route>& routes() const { return routes_; }
  // Words that no tenant may be called, since paths without a tenant begin with them.
  const std::set<std::string>& reserved_words() const { return words_; }

 private:
  std::vector<Route> routes_;                    // The more a path is words, the earlier.
  std::vector<std::vector<std::string>> paths_;  // Segments of each route's path.
  std::set<std::string> words_;
};

}  // namespace orch::gateway
