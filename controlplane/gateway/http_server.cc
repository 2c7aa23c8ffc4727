#include "controlplane/gateway/http_server.h"

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/mutex.h"

namespace orch::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using error_code = boost::system::error_code;

// Errors come back as values: an end of a connection is nothing exceptional.
constexpr auto kValue = asio::as_tuple(asio::use_awaitable);

constexpr size_t kBufferBytes = 64 * 1024;
constexpr size_t kDiscardBytesMax = 256 * 1024;  // Read away before a refusal is closed upon.

std::chrono::nanoseconds Chrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(Options o, HttpHandler* h, ThreadPool* p)
      : options(std::move(o)), handler(h), pool(p), acceptor(asio::make_strand(io)) {}

  Options options;
  HttpHandler* handler;
  ThreadPool* pool;
  asio::io_context io;
  tcp::acceptor acceptor;
  std::vector<std::thread> threads;
  std::atomic<bool> stopping{false};
  std::atomic<int> connection_count{0};

  class Connection;
  Mutex mutex;
  CondVar emptied;
  std::set<Connection*> connections ABSL_GUARDED_BY(mutex);

  asio::awaitable<void> Accept();
};

// One connection. Everything but Wake and Shut runs on its strand.
class HttpServer::State::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<State> state, tcp::socket socket)
      : state_(std::move(state)), stream_(std::move(socket)), signal_(stream_.get_executor()) {
    ++state_->connection_count;
    MutexLock lock(&state_->mutex);
    state_->connections.insert(this);
  }
  ~Connection() {
    --state_->connection_count;
    MutexLock lock(&state_->mutex);
    state_->connections.erase(this);
    if (state_->connections.empty()) state_->emptied.SignalAll();
  }

  void Run() {
    asio::co_spawn(
        stream_.get_executor(), [self = shared_from_this()] { return self->Serve(); },
        [self = shared_from_this()](std::exception_ptr error) {
          if (error) Log(LogLevel::kError, "a connection ended by an exception");
        });
  }
  void RefuseAndClose() {
    asio::co_spawn(
        stream_.get_executor(),
        [self = shared_from_this()]() -> asio::awaitable<void> {
          HttpAnswer answer = self->state_->handler->Refuse(503, "there are too many connections");
          co_await self->SendRefusal(std::move(answer));
        },
        asio::detached);
  }

  // At a stop: an idle connection and a stream of events end now.
  void Stop() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->idle_) self->Shut();
      if (self->events_) self->events_->End();
    });
  }
  void Kill() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->Shut();
      self->killed_ = true;
      self->signal_.cancel();
    });
  }

 private:
  void Shut() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.cancel();
  }

  // Ends a Pause, from any thread.
  void Wake() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->woken_ = true;
      self->signal_.cancel();
    });
  }
  // Waits for a Wake. False when the time was up.
  asio::awaitable<bool> Pause(std::chrono::nanoseconds timeout) {
    if (!woken_ && !killed_) {
      signal_.expires_after(timeout);
      co_await signal_.async_wait(kValue);
    }
    const bool woken = woken_;
    woken_ = false;
    co_return woken;
  }

  asio::awaitable<void> Serve() {
    bool more = true;
    while (more && !state_->stopping) more = co_await ServeOne();
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  // Reads one request and answers it. Whether another may follow.
  asio::awaitable<bool> ServeOne() {
    if (buffer_.size() == 0) {
      idle_ = true;
      stream_.expires_after(Chrono(state_->options.idle_timeout));
      auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kValue);
      idle_ = false;
      if (error) co_return false;
      buffer_.commit(count);
    }
    http::request_parser<http::buffer_body> parser;
    parser.header_limit(static_cast<uint32_t>(state_->options.header_bytes_max));
    parser.body_limit(boost::none);
    stream_.expires_after(Chrono(state_->options.header_timeout));
    auto [error, used] = co_await http::async_read_header(stream_, buffer_, parser, kValue);
    if (error) {
      co_await RefuseHead(error);
      co_return false;
    }
    const auto& request = parser.get();
    head_only_ = request.method() == http::verb::head;
    version_ = request.version();
    bool keep = request.keep_alive() && !state_->stopping;
    exchange_ = state_->handler->Begin(HeadOf(parser));
    bool body_read = parser.is_done();
    if (exchange_->wants_body()) {
      if (!body_read && beast::iequals(request[http::field::expect], "100-continue")) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream_, asio::buffer(kContinue), kValue);
      }
      std::optional<bool> complete = co_await ReadBody(parser);
      if (!complete) co_return false;
      body_read = *complete;
    }
    auto answer = std::make_shared<std::optional<HttpAnswer>>();
    exchange_->Finish([self = shared_from_this(), answer](HttpAnswer given) {
      asio::post(self->stream_.get_executor(),
                 [self, answer, given = std::make_shared<HttpAnswer>(std::move(given))] {
                   answer->emplace(std::move(*given));
                   self->woken_ = true;
                   self->signal_.cancel();
                 });
    });
    while (!answer->has_value() && !killed_) co_await Pause(std::chrono::hours(24));
    bool sent = false;
    if (answer->has_value()) {
      if (!body_read) {
        co_await SendRefusal(std::move(**answer));
        keep = false;
      } else {
        keep = keep && !(*answer)->close && !state_->stopping;
        sent = co_await Send(std::move(**answer), keep);
      }
    }
    exchange_.reset();
    co_return sent&& keep;
  }

  HttpHead HeadOf(const http::request_parser<http::buffer_body>& parser) {
    const auto& request = parser.get();
    HttpHead head;
    head.method = std::string(request.method_string());
    head.target = std::string(request.target());
    for (const auto& field : request) {
      head.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    if (const auto length = parser.content_length()) head.content_length = *length;
    head.has_body = !parser.is_done();
    return head;
  }

  // True: complete. False: the exchange has had enough. Nothing: the connection is gone.
  asio::awaitable<std::optional<bool>> ReadBody(http::request_parser<http::buffer_body>& parser) {
    std::vector<char> piece(kBufferBytes);
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      stream_.expires_after(Chrono(state_->options.idle_timeout));
      auto [error, used] = co_await http::async_read_some(stream_, buffer_, parser, kValue);
      if (error && error != http::error::need_buffer) {
        if (error.category() == http::make_error_code(http::error::bad_chunk).category()) {
          co_await SendRefusal(state_->handler->Refuse(400, "the body is no HTTP"));
        }
        co_return std::nullopt;
      }
      const size_t count = piece.size() - parser.get().body().size;
      if (count == 0) continue;
      if (!exchange_->TakeBody(std::string_view(piece.data(), count)).ok()) co_return false;
    }
    co_return true;
  }

  asio::awaitable<void> RefuseHead(error_code error) {
    if (error == http::error::end_of_stream || error == asio::error::eof ||
        error == asio::error::operation_aborted || error == asio::error::connection_reset ||
        error == http::error::partial_message) {
      co_return;
    }
    HttpAnswer answer;
    if (error == http::error::header_limit) {
      answer = state_->handler->Refuse(431, "the head of the request is too large");
    } else if (error == beast::error::timeout) {
      co_return;  // Beast has closed the socket.
    } else {
      answer = state_->handler->Refuse(400, "this is no HTTP/1.1: " + error.message());
    }
    version_ = 11;
    co_await SendRefusal(std::move(answer));
  }

  // Sends an answer to a request that was not read to its end, and sees it off: closing on unread
  // bytes would make the kernel throw the answer away.
  asio::awaitable<void> SendRefusal(HttpAnswer answer) {
    const bool sent = co_await Send(std::move(answer), /*keep=*/false);
    if (!sent) co_return;
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    std::vector<char> waste(16 * 1024);
    for (size_t total = 0; total < kDiscardBytesMax;) {
      stream_.expires_after(std::chrono::seconds(1));
      auto [error, count] = co_await stream_.async_read_some(asio::buffer(waste), kValue);
      if (error) break;
      total += count;
    }
  }

  asio::awaitable<bool> Send(HttpAnswer answer, bool keep) {
    const bool streamed = answer.source != nullptr || answer.events != nullptr;
    const bool sized = !streamed || (answer.source != nullptr && answer.source_size >= 0);
    const bool chunked = !sized && version_ >= 11;
    if (!sized && !chunked) keep = false;
    http::response<http::empty_body> head(static_cast<http::status>(answer.status), version_);
    head.keep_alive(keep);
    if (!answer.content_type.empty()) head.set(http::field::content_type, answer.content_type);
    for (const auto& [name, value] : answer.headers) head.insert(name, value);
    const bool bodiless = answer.status == 204 || answer.status == 304;
    if (chunked) {
      head.chunked(true);
    } else if (sized && !bodiless) {
      head.content_length(streamed ? static_cast<uint64_t>(answer.source_size)
                                   : answer.text.size());
    }
    http::response_serializer<http::empty_body> serializer(head);
    stream_.expires_after(Chrono(state_->options.idle_timeout));
    auto [error, used] = co_await http::async_write_header(stream_, serializer, kValue);
    bool sent = !error;
    if (sent && !head_only_ && !bodiless) {
      if (answer.events != nullptr) {
        sent = co_await SendEvents(answer.events, chunked);
      } else if (answer.source != nullptr) {
        sent = co_await SendSource(std::move(answer.source), answer.source_size, chunked);
      } else if (!answer.text.empty()) {
        stream_.expires_after(Chrono(state_->options.idle_timeout));
        auto [failed, count] =
            co_await asio::async_write(stream_, asio::buffer(answer.text), kValue);
        sent = !failed;
      }
    }
    if (answer.events != nullptr) answer.events->Close();
    co_return sent&& keep;
  }

  asio::awaitable<bool> SendPiece(std::string_view piece, bool chunked) {
    stream_.expires_after(Chrono(state_->options.idle_timeout));
    if (!chunked) {
      auto [error, count] =
          co_await asio::async_write(stream_, asio::buffer(piece.data(), piece.size()), kValue);
      co_return !error;
    }
    auto [error, count] = co_await asio::async_write(
        stream_, http::make_chunk(asio::const_buffer(piece.data(), piece.size())), kValue);
    co_return !error;
  }
  asio::awaitable<bool> SendLast(bool chunked) {
    if (!chunked) co_return true;
    auto [error, count] = co_await asio::async_write(stream_, http::make_chunk_last(), kValue);
    co_return !error;
  }

  asio::awaitable<bool> SendSource(std::shared_ptr<storage::ByteSource> source, int64_t size,
                                   bool chunked) {
    struct Reading {
      std::vector<char> buffer = std::vector<char>(kBufferBytes);
      std::optional<absl::StatusOr<size_t>> result;
    };
    auto reading = std::make_shared<Reading>();
    int64_t sent = 0;
    while (true) {
      reading->result.reset();
      const absl::Status queued = state_->pool->Run([self = shared_from_this(), reading, source] {
        absl::StatusOr<size_t> result =
            source->Read(reading->buffer.data(), reading->buffer.size());
        asio::post(self->stream_.get_executor(), [self, reading, result = std::move(result)] {
          reading->result = result;
          self->woken_ = true;
          self->signal_.cancel();
        });
      });
      if (!queued.ok()) {
        signal_.expires_after(std::chrono::milliseconds(50));
        co_await signal_.async_wait(kValue);
        if (killed_ || absl::IsFailedPrecondition(queued)) co_return false;
        continue;
      }
      while (!reading->result.has_value()) {
        signal_.expires_after(std::chrono::hours(24));
        if (!woken_) co_await signal_.async_wait(kValue);
        woken_ = false;
      }
      // After the head an error can only be told by ending the connection too early.
      if (!reading->result->ok()) co_return false;
      const size_t count = **reading->result;
      if (count == 0) break;
      if (size >= 0 && sent + static_cast<int64_t>(count) > size) co_return false;
      const bool done = co_await SendPiece({reading->buffer.data(), count}, chunked);
      if (!done) co_return false;
      sent += static_cast<int64_t>(count);
    }
    if (size >= 0 && sent != size) co_return false;
    co_return co_await SendLast(chunked);
  }

  asio::awaitable<bool> SendEvents(std::shared_ptr<EventQueue> events, bool chunked) {
    events_ = events;
    events->OnReady([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Wake();
    });
    if (state_->stopping) events->End();
    bool alive = true;
    while (alive && !killed_) {
      std::string text;
      const EventQueue::Taken taken = events->Take(&text);
      if (taken == EventQueue::Taken::kEnd) break;
      if (taken == EventQueue::Taken::kText) {
        alive = co_await SendPiece(text, chunked);
        continue;
      }
      const bool woken = co_await Pause(Chrono(state_->options.keepalive));
      if (!woken) alive = co_await SendPiece(": keepalive\n\n", chunked);
    }
    events_.reset();
    if (!alive || killed_) co_return false;
    co_return co_await SendLast(chunked);
  }

  const std::shared_ptr<State> state_;
  beast::tcp_stream stream_;
  asio::steady_timer signal_;
  bool woken_ = false;
  bool killed_ = false;
  bool idle_ = false;
  bool head_only_ = false;
  unsigned version_ = 11;
  beast::flat_buffer buffer_;
  std::unique_ptr<HttpExchange> exchange_;
  std::shared_ptr<EventQueue> events_;
};

asio::awaitable<void> HttpServer::State::Accept() {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(io), kValue);
    if (error) {
      if (stopping || error == asio::error::operation_aborted) co_return;
      // No descriptor is left, most likely: give some back before trying again.
      asio::steady_timer wait(acceptor.get_executor(), std::chrono::milliseconds(100));
      co_await wait.async_wait(kValue);
      continue;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const bool full = connection_count >= options.connection_count_max;
    auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket));
    full ? connection->RefuseAndClose() : connection->Run();
  }
}

HttpServer::HttpServer(Options options, HttpHandler* handler, ThreadPool* pool)
    : state_(std::make_shared<State>(std::move(options), handler, pool)) {}

HttpServer::~HttpServer() { Stop(); }

absl::StatusOr<int> HttpServer::Start() {
  State& s = *state_;
  error_code error;
  const auto address = asio::ip::make_address(s.options.address, error);
  const tcp::endpoint endpoint(address, static_cast<uint16_t>(s.options.port));
  if (!error) s.acceptor.open(endpoint.protocol(), error);
  if (!error) s.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) s.acceptor.bind(endpoint, error);
  if (!error) s.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(absl::StrFormat(
        "cannot listen on %s port %d: %s", s.options.address, s.options.port, error.message()));
  }
  const int port = s.acceptor.local_endpoint().port();
  asio::co_spawn(
      s.acceptor.get_executor(), [state = state_] { return state->Accept(); }, asio::detached);
  for (int i = 0; i < s.options.thread_count; ++i) {
    s.threads.emplace_back([state = state_] { state->io.run(); });
  }
  return port;
}

void HttpServer::Stop() {
  State& s = *state_;
  if (s.threads.empty()) return;
  s.stopping = true;
  asio::post(s.acceptor.get_executor(), [state = state_] {
    error_code ignored;
    state->acceptor.close(ignored);
  });
  const auto each = [&s](auto&& tell) {
    std::vector<std::shared_ptr<State::Connection>> held;  // Let go of without the lock.
    {
      MutexLock lock(&s.mutex);
      for (State::Connection* connection : s.connections) {
        if (auto alive = connection->weak_from_this().lock()) held.push_back(std::move(alive));
      }
    }
    for (const auto& connection : held) tell(*connection);
  };
  const auto wait = [&s](absl::Duration time) {
    MutexLock lock(&s.mutex);
    while (!s.connections.empty()) {
      if (s.emptied.WaitWithTimeout(&s.mutex, time)) return;
    }
  };
  each([](State::Connection& connection) { connection.Stop(); });
  wait(s.options.drain);
  each([](State::Connection& connection) { connection.Kill(); });
  wait(absl::Seconds(5));  // A read of a file cannot be cut short.
  s.io.stop();
  for (std::thread& thread : s.threads) thread.join();
  s.threads.clear();
}

int HttpServer::connection_count() const { return state_->connection_count; }

}  // namespace orch::gateway
