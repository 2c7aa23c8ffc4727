#include "cli/output/json.h"

#include "controlplane/api/json/codec.h"

namespace orch::cli {

std::string JsonLine(const google::protobuf::Message& message) {
  return api::json::ToJson(message) + "\n";
}

std::string JsonArrayLine(const google::protobuf::Message& message, const std::string& field) {
  std::string out;
  api::json::EncodeField(message, *message.GetDescriptor()->FindFieldByName(field), &out);
  return out + "\n";
}

}  // namespace orch::cli
