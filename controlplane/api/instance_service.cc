#include "controlplane/api/instance_service.h"

namespace orch::api {

void InstanceService::Register(Operations* operations) {
  operations->Unary<v1::GetConfigsRequest, v1::Configs>(
      "InstanceService.GetConfigs",
      [this](const v1::GetConfigsRequest&, Call&) -> absl::StatusOr<v1::Configs> {
        v1::Configs answer;
        answer.set_uuid(options_.uuid);
        answer.set_version(options_.version);
        answer.set_commit_id(options_.commit_id);
        answer.set_environment_name(options_.environment_name);
        answer.set_environment_color(options_.environment_color);
        answer.set_is_basic_auth_enabled(options_.basic_auth);
        answer.add_tenants("main");
        answer.set_upload_bytes_max(options_.upload_bytes_max);
        return answer;
      });
  operations->Unary<v1::GetVersionRequest, v1::Version>(
      "InstanceService.GetVersion",
      [this](const v1::GetVersionRequest&, Call&) -> absl::StatusOr<v1::Version> {
        v1::Version answer;
        answer.set_version(options_.version);
        answer.set_commit_id(options_.commit_id);
        answer.set_store(options_.store);
        return answer;
      });
  operations->Unary<v1::ListWorkersRequest, v1::WorkerList>(
      "InstanceService.ListWorkers",
      [this](const v1::ListWorkersRequest&, Call&) -> absl::StatusOr<v1::WorkerList> {
        return options_.workers();
      });
}

}  // namespace orch::api
