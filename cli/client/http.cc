#include "cli/client/http.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/client/errors.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

absl::StatusOr<uint64_t> SizeOf(const BodyPart& part) {
  if (part.file_path.empty()) return part.text.size();
  struct stat info;
  if (::stat(part.file_path.c_str(), &info) != 0) {
    return ErrnoError(errno, "read " + part.file_path);
  }
  if (!S_ISREG(info.st_mode)) return NotAFile(part.file_path);
  return static_cast<uint64_t>(info.st_size);
}

// One connection for one exchange. Asynchronous calls, driven one by one, because only these know
// time limits.
class Exchange {
 public:
  Exchange(const ServerAddress& server, const HttpClient::Options& options)
      : server_(server), options_(options), stream_(io_) {}

  absl::Status Connect() {
    tcp::resolver resolver(io_);
    beast::error_code error;
    const auto endpoints = resolver.resolve(server_.host, std::to_string(server_.port), error);
    if (error) return Unreachable(server_.ToString(), error.message());
    stream_.expires_after(std::chrono::milliseconds(
        std::max<int64_t>(1, absl::ToInt64Milliseconds(options_.connect_timeout))));
    stream_.async_connect(endpoints, [&](beast::error_code e, const tcp::endpoint&) { error = e; });
    Run();
    if (error == beast::error::timeout) {
      return Unreachable(server_.ToString(), "no answer to the connection");
    }
    if (error) return Unreachable(server_.ToString(), error.message());
    stream_.socket().set_option(tcp::no_delay(true), error);
    return absl::OkStatus();
  }

  absl::Status Write(const HttpRequest& request, uint64_t content_size) {
    http::request<http::empty_body> head;
    head.version(11);
    head.method_string(request.method);
    head.target(server_.base_path + request.target);
    const bool six = server_.host.find(':') != std::string::npos;
    head.set(http::field::host,
             absl::StrCat(six ? "[" : "", server_.host, six ? "]:" : ":", server_.port));
    head.set(http::field::user_agent, "orch-cli");
    head.set(http::field::connection, "close");
    for (const auto& [name, value] : request.headers) head.insert(name, value);
    if (content_size > 0 || request.method != "GET") {
      head.set(http::field::content_length, std::to_string(content_size));
    }
    http::request_serializer<http::empty_body> serializer(head);
    beast::error_code error;
    Expire();
    http::async_write_header(stream_, serializer, [&](beast::error_code e, size_t) { error = e; });
    Run();
    if (error) return Broken(error);
    for (const BodyPart& part : request.body) {
      const absl::Status written =
          part.file_path.empty() ? WriteBytes(part.text.data(), part.text.size()) : WriteFile(part);
      if (!written.ok()) return written;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<HttpResponse> ReadHead() {
    parser_.emplace();
    parser_->header_limit(64 * 1024);
    parser_->body_limit(boost::none);
    beast::error_code error;
    Expire();
    http::async_read_header(stream_, buffer_, *parser_,
                            [&](beast::error_code e, size_t) { error = e; });
    Run();
    if (error) return Broken(error);
    HttpResponse response;
    response.status = static_cast<int>(parser_->get().result_int());
    for (const auto& field : parser_->get()) {
      std::string name(field.name_string());
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      response.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    return response;
  }

  // False in `*more` once the body has ended.
  absl::Status ReadPiece(std::string* piece, bool* more) {
    char bytes[16 * 1024];
    piece->clear();
    if (parser_->is_done()) {
      *more = false;
      return absl::OkStatus();
    }
    parser_->get().body().data = bytes;
    parser_->get().body().size = sizeof(bytes);
    beast::error_code error;
    Expire();
    http::async_read_some(stream_, buffer_, *parser_,
                          [&](beast::error_code e, size_t) { error = e; });
    Run();
    if (error == http::error::need_buffer) error = {};
    if (error) return Broken(error);
    piece->assign(bytes, sizeof(bytes) - parser_->get().body().size);
    *more = !parser_->is_done() || !piece->empty();
    return absl::OkStatus();
  }

 private:
  void Run() {
    io_.restart();
    io_.run();
  }

  void Expire() {
    stream_.expires_after(std::chrono::milliseconds(
        std::max<int64_t>(1, absl::ToInt64Milliseconds(options_.idle_timeout))));
  }

  absl::Status Broken(const beast::error_code& error) const {
    if (error == beast::error::timeout) return Silent(server_.ToString(), options_.idle_timeout);
    return ConnectionBroke(server_.ToString(), error.message());
  }

  absl::Status WriteBytes(const char* bytes, size_t size) {
    beast::error_code error;
    Expire();
    asio::async_write(stream_, asio::buffer(bytes, size),
                      [&](beast::error_code e, size_t) { error = e; });
    Run();
    return error ? Broken(error) : absl::OkStatus();
  }

  absl::Status WriteFile(const BodyPart& part) {
    const File file(std::fopen(part.file_path.c_str(), "rb"));
    if (file == nullptr) return ErrnoError(errno, "read " + part.file_path);
    std::string chunk(256 * 1024, '\0');
    while (const size_t count = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
      ORCH_RETURN_IF_ERROR(WriteBytes(chunk.data(), count));
    }
    return absl::OkStatus();
  }

  const ServerAddress& server_;
  const HttpClient::Options& options_;
  asio::io_context io_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
};

}  // namespace

absl::StatusOr<ServerAddress> ServerAddress::Parse(std::string_view url) {
  const std::string whole(url);
  constexpr std::string_view kScheme = "http://";
  if (url.substr(0, kScheme.size()) != kScheme) return NotAnAddress(whole);
  url.remove_prefix(kScheme.size());
  ServerAddress address;
  if (const size_t slash = url.find('/'); slash != std::string_view::npos) {
    address.base_path = std::string(url.substr(slash));
    while (!address.base_path.empty() && address.base_path.back() == '/')
      address.base_path.pop_back();
    url = url.substr(0, slash);
  }
  std::string_view port;
  if (!url.empty() && url.front() == '[') {
    const size_t end = url.find(']');
    if (end == std::string_view::npos) return NotAnAddress(whole);
    address.host = std::string(url.substr(1, end - 1));
    if (end + 1 < url.size()) {
      if (url[end + 1] != ':') return NotAnAddress(whole);
      port = url.substr(end + 2);
      if (port.empty()) return NotAnAddress(whole);
    }
  } else if (const size_t colon = url.rfind(':'); colon != std::string_view::npos) {
    address.host = std::string(url.substr(0, colon));
    port = url.substr(colon + 1);
    if (port.empty()) return NotAnAddress(whole);
  } else {
    address.host = std::string(url);
  }
  int number = 80;
  if (!port.empty() && (!absl::SimpleAtoi(absl::string_view(port.data(), port.size()), &number) ||
                        number < 1 || number > 65535)) {
    return NotAnAddress(whole);
  }
  if (address.host.empty() || address.host.find_first_of(" @?#") != std::string::npos) {
    return NotAnAddress(whole);
  }
  address.port = static_cast<uint16_t>(number);
  return address;
}

std::string ServerAddress::ToString() const {
  const bool six = host.find(':') != std::string::npos;
  return absl::StrCat("http://", six ? "[" : "", host, six ? "]:" : ":", port, base_path);
}

std::string HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

absl::StatusOr<HttpResponse> HttpClient::Send(const HttpRequest& request) const {
  std::string body;
  bool too_large = false;
  const auto keep = [&](std::string_view piece) {
    too_large = body.size() + piece.size() > options_.answer_bytes_max;
    if (!too_large) body.append(piece);
    return !too_large;
  };
  ORCH_ASSIGN_OR_RETURN(HttpResponse response, Stream(request, keep));
  if (too_large) return AnswerTooLarge(options_.answer_bytes_max);
  if (response.status >= 200 && response.status < 300) response.body = std::move(body);
  return response;
}

absl::StatusOr<HttpResponse> HttpClient::Stream(const HttpRequest& request, const Sink& sink) const
    try {
  uint64_t content_size = 0;
  for (const BodyPart& part : request.body) {
    ORCH_ASSIGN_OR_RETURN(const uint64_t size, SizeOf(part));
    content_size += size;
  }
  Exchange exchange(server_, options_);
  ORCH_RETURN_IF_ERROR(exchange.Connect());
  // A server that refuses early answers before the body is through: its answer tells more than the
  // broken pipe does.
  const absl::Status written = exchange.Write(request, content_size);
  if (!written.ok() && written.code() != absl::StatusCode::kUnavailable) return written;
  absl::StatusOr<HttpResponse> head = exchange.ReadHead();
  if (!head.ok()) return written.ok() ? head.status() : written;
  HttpResponse response = *std::move(head);
  const bool good = response.status >= 200 && response.status < 300;
  std::string piece;
  for (bool more = true; more;) {
    ORCH_RETURN_IF_ERROR(exchange.ReadPiece(&piece, &more));
    if (piece.empty()) continue;
    if (!good) {
      if (response.body.size() + piece.size() > options_.answer_bytes_max) {
        return AnswerTooLarge(options_.answer_bytes_max);
      }
      response.body += piece;
    } else if (!sink(piece)) {
      return response;
    }
  }
  return response;
} catch (const std::exception& e) {
  return absl::InternalError(absl::StrCat("the HTTP client failed: ", e.what()));
}

}  // namespace orch::cli
