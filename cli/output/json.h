#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace orch::cli {

// The JSON of an API message as REST answers it, with a newline at its end.
std::string JsonLine(const google::protobuf::Message& message);

// The elements of a repeated field as a bare array, likewise; for methods whose REST form is one.
std::string JsonArrayLine(const google::protobuf::Message& message, const std::string& field);

}  // namespace orch::cli
