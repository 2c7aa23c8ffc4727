#include "worker/link/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "base/file.h"
#include "base/status_macros.h"
#include "worker/link/channel_internal.h"
#include "worker/link/errors.h"

namespace orch::worker {
namespace {

constexpr size_t kPemBytesMax = 1 << 20;

bool IsAddress(const std::string& server) {
  if (server.starts_with("unix:")) return server.size() > 5;
  const size_t colon = server.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == server.size()) return false;
  if (server.find("//") != std::string::npos) return false;
  return server.find_first_not_of("0123456789", colon + 1) == std::string::npos;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Channel>> Channel::Make(const ChannelOptions& options) {
  if (!IsAddress(options.server)) return NotAnAddress(options.server);
  if (options.certificate_file.empty() != options.key_file.empty()) return HalfACertificate();
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options.ca_file.empty() && options.certificate_file.empty()) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    grpc::SslCredentialsOptions ssl;
    if (!options.ca_file.empty()) {
      ORCH_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile(options.ca_file, kPemBytesMax));
    }
    if (!options.certificate_file.empty()) {
      ORCH_ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadFile(options.certificate_file, kPemBytesMax));
      ORCH_ASSIGN_OR_RETURN(ssl.pem_private_key, ReadFile(options.key_file, kPemBytesMax));
    }
    credentials = grpc::SslCredentials(ssl);
  }
  grpc::ChannelArguments arguments;
  // The session paces its attempts; gRPC must not be slower.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt("grpc.enable_http_proxy", 0);
  return std::make_shared<GrpcChannel>(
      grpc::CreateCustomChannel(options.server, credentials, arguments));
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace orch::worker
