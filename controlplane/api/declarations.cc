#include "controlplane/api/declarations.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_format.h"
#include "orch/v1/api.pb.h"
#include "orch/v1/common.pb.h"
#include "orch/v1/execution_service.pb.h"
#include "orch/v1/flow_service.pb.h"
#include "orch/v1/instance_service.pb.h"
#include "orch/v1/kv_service.pb.h"
#include "orch/v1/log_service.pb.h"

namespace orch::api {
namespace {

namespace pb = ::google::protobuf;

bool IsPermission(const std::string& text) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == text.size()) return false;
  if (text.find('.', dot + 1) != std::string::npos) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '.'; });
}

bool IsVerb(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

std::vector<std::string> Segments(const std::string& path) {
  std::vector<std::string> segments;
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    segments.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return segments;
}

class Checker {
 public:
  explicit Checker(std::vector<std::string>* faults) : faults_(faults) {}

  void Method(const pb::MethodDescriptor& method) {
    name_ = NameOf(method);
    const std::vector<v1::Rest> rest = RestOf(method);
    const bool rpc_only = method.options().GetExtension(v1::rpc_only);
    if (rest.empty() && !rpc_only) Fault("has neither a REST address nor rpc_only");
    if (!rest.empty() && rpc_only) Fault("has a REST address although it is rpc_only");
    if (!IsPermission(PermissionOf(method))) Fault("has no permission of the form resource.action");
    const std::string verb = AuditVerbOf(method);
    if (Changes(method) && !IsVerb(verb)) Fault("changes something and has no audit verb");
    if (!Changes(method) && !verb.empty()) Fault("has an audit verb and changes nothing");
    if (method.client_streaming()) Fault("takes a stream, which HTTP/1.1 cannot serve");
    for (const v1::Rest& address : rest) Address(method, address);
  }

 private:
  void Fault(const std::string& what) { faults_->push_back(name_ + " " + what); }

  void Address(const pb::MethodDescriptor& method, const v1::Rest& rest) {
    static const std::set<std::string> kMethods = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    if (kMethods.count(rest.method()) == 0) Fault("has no known HTTP method");
    const bool reads = rest.method() == "GET";
    if (reads && Changes(method)) Fault("changes something by GET");
    if (!reads && rest.method() != "POST" && !Changes(method)) {
      Fault("is served by " + rest.method() + " and declares no change");
    }
    Path(*method.input_type(), rest);
    Body(*method.input_type(), rest);
    Result(method, rest);
  }

  void Path(const pb::Descriptor& request, const v1::Rest& rest) {
    const std::vector<std::string> segments = Segments(rest.path());
    if (segments.size() < 2 || (segments[0] != "T" && segments[0] != "I")) {
      return Fault("has a path that begins with neither T/ nor I/: " + rest.path());
    }
    if (segments[0] == "T" && request.FindFieldByName("tenant") == nullptr) {
      Fault("is served below T/ and its request has no field tenant");
    }
    std::string shape = rest.method();
    for (const std::string& segment : segments) {
      const bool variable = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
      shape += variable ? "/{}" : "/" + segment;
      if (segment.empty()) Fault("has an empty segment in " + rest.path());
      if (!variable) {
        if (segment.find_first_of("{}*?") != std::string::npos) {
          Fault("has a segment that is neither a word nor {field}: " + segment);
        }
        continue;
      }
      const auto* field = request.FindFieldByName(segment.substr(1, segment.size() - 2));
      if (field == nullptr || field->is_repeated() ||
          field->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING) {
        Fault("names in its path what is no text field of its request: " + segment);
      }
    }
    const auto [there, added] = shapes_.emplace(shape, name_);
    if (!added) Fault("has the same address as " + there->second + ": " + shape);
  }

  void Body(const pb::Descriptor& request, const v1::Rest& rest) {
    if (rest.body() == v1::Rest::BODY_NONE) {
      if (!rest.body_field().empty()) Fault("has a body_field and no body");
      return;
    }
    if (rest.method() == "GET") Fault("takes a body by GET");
    if (rest.body_field().empty()) {
      if (rest.body() != v1::Rest::BODY_JSON) Fault("has a body and no body_field");
      return;
    }
    const auto* field = request.FindFieldByName(rest.body_field());
    if (field == nullptr) return Fault("has a body_field that its request lacks");
    bool fits = false;
    const bool json =
        field->message_type() != nullptr && field->message_type()->full_name() == "orch.v1.Json";
    switch (rest.body()) {
      case v1::Rest::BODY_JSON: fits = field->message_type() != nullptr; break;
      case v1::Rest::BODY_YAML:
      case v1::Rest::BODY_TEXT: fits = field->type() == pb::FieldDescriptor::TYPE_STRING; break;
      case v1::Rest::BODY_BYTES: fits = field->type() == pb::FieldDescriptor::TYPE_BYTES; break;
      case v1::Rest::BODY_MULTIPART: fits = json && !field->is_repeated(); break;
      default: break;
    }
    if (!fits) Fault("has a body_field of a type that does not fit its body");
  }

  void Result(const pb::MethodDescriptor& method, const v1::Rest& rest) {
    const pb::Descriptor& answer = *method.output_type();
    const auto* field =
        rest.result_field().empty() ? nullptr : answer.FindFieldByName(rest.result_field());
    if (!rest.result_field().empty() && field == nullptr) {
      Fault("has a result_field that its answer lacks");
    }
    const auto kind = rest.result();
    const bool bytes = kind == v1::Rest::RESULT_BYTES || kind == v1::Rest::RESULT_TEXT ||
                       kind == v1::Rest::RESULT_CSV || kind == v1::Rest::RESULT_ZIP;
    const bool streams = bytes || kind == v1::Rest::RESULT_SSE;
    if (streams != method.server_streaming()) Fault("streams in one of RPC and REST only");
    if (bytes && answer.full_name() != "orch.v1.BytesPart") Fault("answers bytes by another type");
    if (kind == v1::Rest::RESULT_ARRAY && (field == nullptr || !field->is_repeated())) {
      Fault("answers an array and names no repeated result_field");
    }
    if (kind == v1::Rest::RESULT_SSE && (field == nullptr || field->message_type() == nullptr ||
                                         answer.FindFieldByName("id") == nullptr)) {
      Fault("answers events without a field `id` and a result_field for their data");
    }
    if (rest.status() != 0 && (rest.status() < 200 || rest.status() > 299)) {
      Fault("has a status of success that is none");
    }
  }

  std::vector<std::string>* faults_;
  std::string name_;
  std::map<std::string, std::string> shapes_;
};

}  // namespace

std::string NameOf(const pb::MethodDescriptor& method) {
  return method.service()->name() + "." + method.name();
}

std::string PermissionOf(const pb::MethodDescriptor& method) {
  return method.options().GetExtension(v1::permission);
}

std::string AuditVerbOf(const pb::MethodDescriptor& method) {
  return method.options().GetExtension(v1::audit);
}

bool Changes(const pb::MethodDescriptor& method) {
  return method.options().GetExtension(v1::changes);
}

std::vector<v1::Rest> RestOf(const pb::MethodDescriptor& method) {
  std::vector<v1::Rest> all;
  const int count = method.options().ExtensionSize(v1::rest);
  for (int i = 0; i < count; ++i) all.push_back(method.options().GetExtension(v1::rest, i));
  return all;
}

std::vector<const pb::ServiceDescriptor*> ServedServices() {
  std::vector<const pb::ServiceDescriptor*> services;
  for (const pb::Descriptor* anchor :
       {v1::GetFlowRequest::descriptor(), v1::GetExecutionRequest::descriptor(),
        v1::LogsRequest::descriptor(), v1::GetKvRequest::descriptor(),
        v1::GetConfigsRequest::descriptor()}) {
    const pb::FileDescriptor* file = anchor->file();
    for (int i = 0; i < file->service_count(); ++i) services.push_back(file->service(i));
  }
  return services;
}

std::vector<std::string> FaultsOf(const std::vector<const pb::ServiceDescriptor*>& services) {
  std::vector<std::string> faults;
  Checker checker(&faults);
  for (const pb::ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) checker.Method(*service->method(i));
  }
  return faults;
}

}  // namespace orch::api
