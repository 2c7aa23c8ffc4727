// TestServer is a PostgreSQL server of a test's own, on a Unix socket, with fsync on.
//
// It ends with the test, however that ends. As root it runs the server as the user postgres.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace orch::store::postgres {

class TestServer {
 public:
  // Starts a server from the newest PostgreSQL that is installed; takes half a second. `settings`
  // are words for its command line, such as "-c fsync=off".
  static absl::StatusOr<std::unique_ptr<TestServer>> Start(const std::string& settings = "");
  // Stops it at once and removes its data.
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  // Makes a database, as a copy of another one to which nobody is connected. Returns its name. To
  // drop it would cost a checkpoint; it goes with the server.
  absl::StatusOr<std::string> NewDatabase(const std::string& from = "template1");

  // How libpq reaches a database.
  std::string ConnInfo(const std::string& database) const;
  // Runs a script in a database.
  absl::Status Run(const std::string& database, const std::string& script) const;

  // The folder of its socket, and the socket.
  const std::string& socket_folder() const { return socket_folder_; }
  std::string socket_path() const { return socket_folder_ + "/.s.PGSQL.5432"; }

 private:
  TestServer() = default;
  std::string socket_folder_;
  int life_ = -1;   // While it is open the server lives.
  int guard_ = -1;  // The process that waits for its end.
  int database_count_ = 0;
};

}  // namespace orch::store::postgres
