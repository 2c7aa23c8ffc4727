#include "controlplane/api/log_service.h"

#include "base/status_macros.h"
#include "controlplane/api/execution_view.h"
#include "controlplane/api/followers.h"
#include "controlplane/api/log_reader.h"

namespace orch::api {
namespace {

constexpr size_t kEntryCountMax = 100'000;

absl::StatusOr<std::vector<v1::LogEntry>> Read(const Live& live, const v1::LogsRequest& request,
                                               Call& call) {
  ORCH_ASSIGN_OR_RETURN(const LogFilter filter, LogFilter::Of(request));
  ORCH_ASSIGN_OR_RETURN(const auto head,
                        ReadHead(*live.store, request.tenant(), request.execution_id()));
  LogPosition position;
  bool truncated = false;
  ORCH_ASSIGN_OR_RETURN(
      std::vector<v1::LogEntry> entries,
      LogReader(*live.store, head).ReadAll(&position, kEntryCountMax, &truncated));
  if (truncated) call.warnings.push_back("there are more lines than are shown here");
  std::vector<v1::LogEntry> wanted;
  for (v1::LogEntry& entry : entries) {
    if (filter.Wants(entry)) wanted.push_back(std::move(entry));
  }
  return wanted;
}

}  // namespace

void LogService::Register(Operations* operations) {
  operations->Unary<v1::LogsRequest, v1::LogList>(
      "LogService.ListLogs",
      [this](const v1::LogsRequest& request, Call& call) -> absl::StatusOr<v1::LogList> {
        ORCH_ASSIGN_OR_RETURN(std::vector<v1::LogEntry> entries, Read(live_, request, call));
        v1::LogList answer;
        for (v1::LogEntry& entry : entries) *answer.add_entries() = std::move(entry);
        return answer;
      });
  operations->Bytes<v1::LogsRequest>(
      "LogService.DownloadLogs",
      [this](const v1::LogsRequest& request, Call& call) -> absl::StatusOr<BytesAnswer> {
        ORCH_ASSIGN_OR_RETURN(const std::vector<v1::LogEntry> entries, Read(live_, request, call));
        std::string text;
        for (const v1::LogEntry& entry : entries) text += TextOf(entry) + "\n";
        BytesAnswer answer;
        answer.size = static_cast<int64_t>(text.size());
        answer.source = std::make_unique<storage::TextSource>(std::move(text));
        answer.content_type = "text/plain; charset=utf-8";
        answer.file_name = request.execution_id() + ".log";
        return answer;
      });
  operations->Events<v1::LogsRequest>(
      "LogService.FollowLogs",
      [this](const v1::LogsRequest& request, const Call&, std::shared_ptr<EventStream> stream) {
        FollowLogs(live_, request, std::move(stream));
      });
}

}  // namespace orch::api
