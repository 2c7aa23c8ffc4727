// Values that hold secrets, as they are stored: {"type":"io.kestra.datatype:aes_encrypted","value":"…"}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/engine/decide.h"
#include "expression/value.h"

namespace orch::engine {

// `value` sealed whole.
//   kFailedPrecondition  there is no key; the message says what to set.
absl::StatusOr<expression::Value> SealWhole(const expression::Value& value, const Sealer* sealer,
                                            uint64_t seed);

// `value` with every envelope in it opened, and what was in it tainted. One that cannot be opened stays as
// it is.
expression::Value OpenEnvelopes(const expression::Value& value, const Sealer* sealer);

// Whether a JSON text can hold an envelope at all.
bool MayHoldEnvelope(std::string_view json);

}  // namespace orch::engine
