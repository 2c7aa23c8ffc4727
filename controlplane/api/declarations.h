// Declarations are what RPCs say about themselves in their options (proto/orch/v1/options.proto).
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "orch/v1/options.pb.h"

namespace orch::api {

namespace v1 = ::orch::v1;

// "FlowService.GetFlow": how tables and logs name an RPC.
std::string NameOf(const google::protobuf::MethodDescriptor& method);

std::string PermissionOf(const google::protobuf::MethodDescriptor& method);
std::string AuditVerbOf(const google::protobuf::MethodDescriptor& method);
bool Changes(const google::protobuf::MethodDescriptor& method);
std::vector<v1::Rest> RestOf(const google::protobuf::MethodDescriptor& method);

// The services that this binary serves, in a fixed order.
std::vector<const google::protobuf::ServiceDescriptor*> ServedServices();

// Everything that is wrong with the declarations of these services, a sentence each: no address and
// not `rpc_only`, no permission, a change without an audit verb, a path, body or result that does
// not fit the messages, two RPCs at one address.
std::vector<std::string> FaultsOf(
    const std::vector<const google::protobuf::ServiceDescriptor*>& services);

}  // namespace orch::api
