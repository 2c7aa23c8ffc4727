#include "controlplane/store/postgres/test_server.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace orch::store::postgres {
namespace {

// $1 the folder, $2 settings. The server must not keep our stdout: who reads it would wait for
// ever.
constexpr char kStart[] = R"sh(
set -e
cd /
PATH="$PATH:/usr/sbin:/sbin"
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
as=""
chmod 755 "$1"
if [ "$(id -u)" = 0 ]; then
  as="runuser -u postgres --"
  install -d -o postgres -g postgres "$1/pg"
else
  mkdir -p "$1/pg"
fi
$as "$bin/initdb" -D "$1/pg/data" -U orch --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 \
  >/dev/null 2>"$1/initdb.log"
$as "$bin/pg_ctl" -D "$1/pg/data" -w -l "$1/pg/log" \
  -o "-k $1/pg -c listen_addresses='' $2" start >/dev/null 2>&1 </dev/null
)sh";

constexpr char kGuard[] = R"sh(
cd /
PATH="$PATH:/usr/sbin:/sbin"
read -r unused
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
as=""
[ "$(id -u)" = 0 ] && as="runuser -u postgres --"
$as "$bin/pg_ctl" -D "$1/pg/data" -m immediate -w stop
rm -rf "$1"
)sh";

int Shell(const char* script, const std::string& folder, const std::string& settings) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/bash", "bash", "-c", script, "bash", folder.c_str(), settings.c_str(), nullptr);
    ::_exit(127);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestServer>> TestServer::Start(const std::string& settings) {
  char folder[] = "/tmp/orch-pg.XXXXXX";  // Paths of sockets are short.
  if (::mkdtemp(folder) == nullptr) return ErrnoError(errno, "make a folder in /tmp");
  int life[2];
  if (::pipe2(life, O_CLOEXEC) != 0) return ErrnoError(errno, "make a pipe");
  std::unique_ptr<TestServer> server(new TestServer);
  server->socket_folder_ = std::string(folder) + "/pg";
  server->guard_ = ::fork();
  if (server->guard_ == 0) {
    ::setsid();  // Who ends the test's group must not end the guard.
    ::dup2(life[0], 0);
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl("/bin/bash", "bash", "-c", kGuard, "bash", folder, nullptr);
    ::_exit(127);
  }
  ::close(life[0]);
  server->life_ = life[1];
  if (Shell(kStart, folder, settings) != 0) {
    return absl::InternalError("the PostgreSQL server of the test did not start");
  }
  return server;
}

TestServer::~TestServer() {
  ::close(life_);
  while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string TestServer::ConnInfo(const std::string& database) const {
  return absl::StrFormat("host=%s user=orch dbname=%s", socket_folder_, database);
}

absl::Status TestServer::Run(const std::string& database, const std::string& script) const {
  PGconn* connection = PQconnectdb(ConnInfo(database).c_str());
  absl::Status status;
  if (PQstatus(connection) != CONNECTION_OK) {
    status = absl::UnavailableError(PQerrorMessage(connection));
  } else {
    PGresult* result = PQexec(connection, script.c_str());
    const ExecStatusType outcome = PQresultStatus(result);
    if (outcome != PGRES_COMMAND_OK && outcome != PGRES_TUPLES_OK) {
      status = absl::InternalError(PQerrorMessage(connection));
    }
    PQclear(result);
  }
  PQfinish(connection);
  return status;
}

absl::StatusOr<std::string> TestServer::NewDatabase(const std::string& from) {
  const std::string name = "test_" + std::to_string(++database_count_);
  ORCH_RETURN_IF_ERROR(
      Run("postgres", absl::StrFormat("CREATE DATABASE %s TEMPLATE %s", name, from)));
  return name;
}

}  // namespace orch::store::postgres
