#include "cli/command/server.h"

#include <cctype>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace orch::cli {
namespace {

constexpr char kDefaultServer[] = "http://127.0.0.1:8080";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string Server::Api(std::string_view below) const {
  return absl::StrCat("/api/v1/", UrlEscape(tenant), std::string(below));
}

void ServerOptions::AddTo(Verb& verb) {
  verb.Option("--server", &server, "URL",
              "Address of the server; else ORCH_SERVER, else http://127.0.0.1:8080.")
      .Option("--tenant", &tenant, "NAME", "Tenant; main unless said.")
      .Choice("-o,--output", &output, {"table", "json"},
              "Form of what is printed; json is that of the REST API.");
}

absl::StatusOr<Server> ServerOptions::Open() const {
  std::string url = server.empty() ? Environment("ORCH_SERVER") : server;
  if (url.empty()) url = kDefaultServer;
  ORCH_ASSIGN_OR_RETURN(ServerAddress address, ServerAddress::Parse(url));
  Server opened;
  opened.http = std::make_unique<HttpClient>(std::move(address), HttpClient::Options{});
  opened.credential = {Environment("ORCH_TOKEN")};
  opened.rpc = std::make_unique<Rpc>(*opened.http, opened.credential);
  opened.tenant = tenant;
  return opened;
}

std::string UrlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", byte);
    }
  }
  return out;
}

}  // namespace orch::cli
