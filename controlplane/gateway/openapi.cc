#include "controlplane/gateway/openapi.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "controlplane/api/declarations.h"
#include "controlplane/api/json/json_text.h"
#include "orch/v1/common.pb.h"

namespace orch::gateway {
namespace {

namespace pb = ::google::protobuf;
using api::json::Quoted;

class Writer {
 public:
  explicit Writer(const Router& router) : router_(router) {}

  std::string Document() {
    std::map<std::string, std::map<std::string, std::string>> paths;  // path -> method -> operation
    for (const Route& route : router_.routes()) {
      std::string method = route.rest.method();
      std::transform(method.begin(), method.end(), method.begin(), ::tolower);
      paths[PathOf(route)][method] = OperationOf(route);
    }
    std::string text = R"({"openapi":"3.0.3","info":{"title":"Orch","version":"1"},"paths":{)";
    bool first = true;
    for (const auto& [path, methods] : paths) {
      text += (first ? "" : ",") + Quoted(path) + ":{";
      first = false;
      bool first_method = true;
      for (const auto& [method, operation] : methods) {
        text += (first_method ? "" : ",") + Quoted(method) + ":" + operation;
        first_method = false;
      }
      text += "}";
    }
    text += R"(},"components":{"schemas":{)";
    text += R"("Error":{"type":"object","properties":{"message":{"type":"string"},)"
            R"("code":{"type":"string"},"requestId":{"type":"string"}}})";
    while (!wanted_.empty()) {  // A message brings those that it holds.
      const pb::Descriptor* type = wanted_.front();
      wanted_.pop_front();
      text += "," + Quoted(type->name()) + ":" + ObjectOf(*type);
    }
    return text + "}}}";
  }

 private:
  static std::string FieldName(const pb::Descriptor& type, const std::string& segment) {
    return type.FindFieldByName(segment.substr(1, segment.size() - 2))->json_name();
  }

  std::string PathOf(const Route& route) {
    std::string path = "/api/v1";
    const std::string& declared = route.rest.path();
    if (declared[0] == 'T') path += "/{tenant}";
    for (size_t at = 1; at < declared.size();) {
      const size_t end = std::min(declared.find('/', at + 1), declared.size());
      const std::string segment = declared.substr(at + 1, end - at - 1);
      path += segment[0] == '{' ? "/{" + FieldName(*route.method->input_type(), segment) + "}"
                                : "/" + segment;
      at = end;
    }
    return path;
  }

  std::string OperationOf(const Route& route) {
    const pb::Descriptor& request = *route.method->input_type();
    std::string parameters;
    for (int i = 0; i < request.field_count(); ++i) {
      const pb::FieldDescriptor& field = *request.field(i);
      if (field.name() == route.rest.body_field() || field.name() == "filters") continue;
      const std::string& header = field.options().GetExtension(v1::header);
      const bool tenant = field.name() == "tenant";
      const bool in_path =
          tenant || route.rest.path().find("{" + field.name() + "}") != std::string::npos;
      const bool whole_body =
          route.rest.body() == v1::Rest::BODY_JSON && route.rest.body_field().empty();
      if (!in_path && header.empty() && (whole_body || !IsParameter(field))) continue;
      if (tenant && route.rest.path()[0] != 'T') continue;
      if (!parameters.empty()) parameters += ",";
      parameters += "{\"name\":" + Quoted(header.empty() ? field.json_name() : header) +
                    ",\"in\":" +
                    (in_path          ? "\"path\",\"required\":true"
                     : header.empty() ? "\"query\""
                                      : "\"header\"") +
                    ",\"schema\":" + SchemaOf(field) + "}";
    }
    // An RPC has one id at each of its addresses; the first has the plain name.
    std::string id = route.method->name();
    const int used = ++uses_[api::NameOf(*route.method)];
    if (used > 1) id += std::to_string(used);
    std::string text = "{\"operationId\":" + Quoted(id) + ",\"tags\":[" +
                       Quoted(route.method->service()->name()) +
                       "],\"x-permission\":" + Quoted(api::PermissionOf(*route.method)) +
                       ",\"parameters\":[" + parameters + "]";
    if (route.rest.body() != v1::Rest::BODY_NONE) text += ",\"requestBody\":" + BodyOf(route);
    const int status = route.rest.status() == 0 ? 200 : route.rest.status();
    text += ",\"responses\":{" + Quoted(std::to_string(status)) + ":" + ResultOf(route) +
            R"(,"default":{"description":"An error","content":{"application/json":{"schema":)"
            R"({"$ref":"#/components/schemas/Error"}}}}}})";
    return text;
  }

  static bool IsParameter(const pb::FieldDescriptor& field) {
    return field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE ||
           field.message_type() == v1::Instant::descriptor() ||
           field.message_type() == v1::Span::descriptor();
  }

  std::string BodyOf(const Route& route) {
    const pb::Descriptor& request = *route.method->input_type();
    std::string type = "application/json", schema = R"({"type":"object"})";
    switch (route.rest.body()) {
      case v1::Rest::BODY_YAML:
        type = "application/x-yaml";
        schema = R"({"type":"string"})";
        break;
      case v1::Rest::BODY_TEXT:
        type = "text/plain";
        schema = R"({"type":"string"})";
        break;
      case v1::Rest::BODY_BYTES:
        type = "*/*";
        schema = R"({"type":"string","format":"binary"})";
        break;
      case v1::Rest::BODY_MULTIPART: type = "multipart/form-data"; break;
      default:
        schema = route.rest.body_field().empty()
                     ? Reference(&request)
                     : SchemaOf(*request.FindFieldByName(route.rest.body_field()));
    }
    return "{\"content\":{" + Quoted(type) + ":{\"schema\":" + schema + "}}}";
  }

  std::string ResultOf(const Route& route) {
    const pb::Descriptor& answer = *route.method->output_type();
    std::string type = "application/json", schema;
    const auto* field = route.rest.result_field().empty()
                            ? nullptr
                            : answer.FindFieldByName(route.rest.result_field());
    switch (route.rest.result()) {
      case v1::Rest::RESULT_NONE: return R"({"description":"Done"})";
      case v1::Rest::RESULT_SSE: type = "text/event-stream"; break;
      case v1::Rest::RESULT_TEXT: type = "text/plain"; break;
      case v1::Rest::RESULT_CSV: type = "text/csv"; break;
      case v1::Rest::RESULT_ZIP: type = "application/zip"; break;
      case v1::Rest::RESULT_BYTES: type = "application/octet-stream"; break;
      default: break;
    }
    if (type == "application/json" || type == "text/event-stream") {
      schema = field == nullptr ? Reference(&answer) : SchemaOf(*field);
    } else {
      schema = R"({"type":"string","format":"binary"})";
    }
    return "{\"description\":\"Done\",\"content\":{" + Quoted(type) + ":{\"schema\":" + schema +
           "}}}";
  }

  std::string Reference(const pb::Descriptor* type) {
    if (seen_.insert(type).second) wanted_.push_back(type);
    return "{\"$ref\":" + Quoted("#/components/schemas/" + type->name()) + "}";
  }

  std::string SchemaOf(const pb::FieldDescriptor& field) {
    const std::string one = ElementOf(field);
    return field.is_repeated() ? "{\"type\":\"array\",\"items\":" + one + "}" : one;
  }

  std::string ElementOf(const pb::FieldDescriptor& field) {
    using Type = pb::FieldDescriptor::CppType;
    switch (field.cpp_type()) {
      case Type::CPPTYPE_INT32:
      case Type::CPPTYPE_UINT32: return R"({"type":"integer","format":"int32"})";
      case Type::CPPTYPE_INT64:
      case Type::CPPTYPE_UINT64: return R"({"type":"integer","format":"int64"})";
      case Type::CPPTYPE_DOUBLE:
      case Type::CPPTYPE_FLOAT: return R"({"type":"number"})";
      case Type::CPPTYPE_BOOL: return R"({"type":"boolean"})";
      case Type::CPPTYPE_STRING: return R"({"type":"string"})";
      case Type::CPPTYPE_ENUM: {
        std::string words;
        for (int i = 1; i < field.enum_type()->value_count(); ++i) {
          words += (i > 1 ? "," : "") + Quoted(field.enum_type()->value(i)->name());
        }
        return R"({"type":"string","enum":[)" + words + "]}";
      }
      case Type::CPPTYPE_MESSAGE:
        if (field.message_type() == v1::Instant::descriptor()) {
          return R"({"type":"string","format":"date-time"})";
        }
        if (field.message_type() == v1::Span::descriptor()) {
          return R"({"type":"string","format":"duration"})";
        }
        if (field.message_type() == v1::Json::descriptor()) return "{}";
        return Reference(field.message_type());
    }
    return "{}";
  }

  std::string ObjectOf(const pb::Descriptor& type) {
    std::string properties, required;
    bool more = false;
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor& field = *type.field(i);
      if (field.options().GetExtension(v1::spliced)) {
        more = true;
        continue;
      }
      if (!properties.empty()) properties += ",";
      properties += Quoted(field.json_name()) + ":" + SchemaOf(field);
      if (!field.options().GetExtension(v1::always)) continue;
      required += (required.empty() ? "" : ",") + Quoted(field.json_name());
    }
    std::string text = "{\"type\":\"object\",\"properties\":{" + properties + "}";
    if (!required.empty()) text += ",\"required\":[" + required + "]";
    if (more) text += ",\"additionalProperties\":true";
    return text + "}";
  }

  const Router& router_;
  std::set<const pb::Descriptor*> seen_;
  std::deque<const pb::Descriptor*> wanted_;
  std::map<std::string, int> uses_;
};

}  // namespace

std::string OpenApiOf(const Router& router) { return Writer(router).Document(); }

}  // namespace orch::gateway
