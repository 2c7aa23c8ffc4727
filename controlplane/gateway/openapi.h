// OpenApiOf describes the REST API as an OpenAPI 3.0 document, made from the declarations.
#pragma once

#include <string>

#include "controlplane/gateway/router.h"

namespace orch::gateway {

std::string OpenApiOf(const Router& router);

}  // namespace orch::gateway
