#include <openssl/evp.h>

#include <optional>
#include <string>
#include <utility>

#include "controlplane/dispatch/grpc_services.h"

namespace orch::dispatch {

namespace {

constexpr size_t kChunkBytes = 256 * 1024;

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

grpc::Status NoLease() {
  return grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                      "FENCED: the attempt's lease has ended; stop the work, its files are not "
                      "wanted any more");
}

// Who asks, by the lease its token names; on the strand. Nothing when there is none.
std::optional<FileOwner> OwnerOf(const Dispatch& dispatch, const v1::LeaseToken& token) {
  const conductor::LeasedRun* lease = dispatch.FindLease(token);
  if (lease == nullptr) return std::nullopt;
  FileOwner owner;
  owner.tenant = lease->tenant;
  owner.namespace_ = lease->namespace_;
  owner.flow_id = lease->flow_id;
  owner.execution_id = lease->execution_id;
  owner.task_id = lease->task_id;
  owner.task_run_id = token.attempt().substr(0, token.attempt().find('/'));
  return owner;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Sha256() { EVP_MD_CTX_free(context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::string_view data) { EVP_DigestUpdate(context_, data.data(), data.size()); }

  std::string Hex() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_, bytes, &size);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex += "0123456789abcdef"[bytes[i] >> 4];
      hex += "0123456789abcdef"[bytes[i] & 15];
    }
    return hex;
  }

 private:
  EVP_MD_CTX* context_;
};

class UploadReactor final : public grpc::ServerReadReactor<v1::UploadMessage> {
 public:
  UploadReactor(int64_t bytes_max, Dispatch& dispatch, Executor& executor, AttemptFiles& files,
                v1::UploadAnswer* answer)
      : bytes_max_(bytes_max),
        dispatch_(dispatch),
        executor_(executor),
        files_(files),
        answer_(answer) {
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      End();
      return;
    }
    if (message_.has_header()) {
      if (writer_ != nullptr) {
        Fail({grpc::StatusCode::INVALID_ARGUMENT, "an upload has one header, at its beginning"});
        return;
      }
      header_ = message_.header();
      executor_.Post([this] { Begin(OwnerOf(dispatch_, header_.token())); });
      return;
    }
    if (writer_ == nullptr) {
      Fail({grpc::StatusCode::INVALID_ARGUMENT, "an upload begins with its header"});
      return;
    }
    size_ += static_cast<int64_t>(message_.chunk().size());
    if (size_ > bytes_max_) {
      Fail({grpc::StatusCode::RESOURCE_EXHAUSTED,
            "the file has more than " + std::to_string(bytes_max_) + " bytes"});
      return;
    }
    digest_.Add(message_.chunk());
    if (const absl::Status kept = writer_->Append(message_.chunk()); !kept.ok()) {
      Fail(ToGrpc(kept));
      return;
    }
    StartRead(&message_);
  }

  void OnDone() override { delete this; }

 private:
  void Begin(const std::optional<FileOwner>& owner) {
    if (!owner.has_value()) {
      Fail(NoLease());
      return;
    }
    auto writer = files_.Create(*owner, header_.name());
    if (!writer.ok()) {
      Fail(ToGrpc(writer.status()));
      return;
    }
    writer_ = *std::move(writer);
    StartRead(&message_);
  }

  // The worker has sent everything.
  void End() {
    if (failed_) return;
    if (writer_ == nullptr) {
      Finish({grpc::StatusCode::INVALID_ARGUMENT, "an upload begins with its header"});
      return;
    }
    const std::string digest = digest_.Hex();
    if (!header_.sha256().empty() && header_.sha256() != digest) {
      Finish({grpc::StatusCode::DATA_LOSS,
              "the bytes that arrived are not those that were announced; upload again"});
      return;
    }
    auto uri = writer_->Finish();
    if (!uri.ok()) {
      Finish(ToGrpc(uri.status()));
      return;
    }
    answer_->set_uri(*uri);
    answer_->set_size(size_);
    answer_->set_sha256(digest);
    Finish(grpc::Status::OK);
  }

  void Fail(const grpc::Status& status) {
    failed_ = true;
    writer_.reset();
    Finish(status);
  }

  const int64_t bytes_max_;
  Dispatch& dispatch_;
  Executor& executor_;
  AttemptFiles& files_;
  v1::UploadAnswer* answer_;
  v1::UploadMessage message_;
  v1::UploadHeader header_;
  std::unique_ptr<AttemptFiles::Writer> writer_;
  Sha256 digest_;
  int64_t size_ = 0;
  bool failed_ = false;
};

class DownloadReactor final : public grpc::ServerWriteReactor<v1::FileChunk> {
 public:
  DownloadReactor(Dispatch& dispatch, Executor& executor, AttemptFiles& files,
                  const v1::DownloadRequest* request)
      : files_(files), request_(*request) {
    executor.Post([this, &dispatch] {
      const std::optional<FileOwner> owner = OwnerOf(dispatch, request_.token());
      if (!owner.has_value()) {
        Finish(NoLease());
        return;
      }
      auto reader = files_.Open(*owner, request_.uri(), request_.offset());
      if (!reader.ok()) {
        Finish(ToGrpc(reader.status()));
        return;
      }
      reader_ = *std::move(reader);
      Next();
    });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish({grpc::StatusCode::CANCELLED, "the worker reads no more"});
      return;
    }
    Next();
  }

  void OnDone() override { delete this; }

 private:
  void Next() {
    auto data = reader_->Read(kChunkBytes);
    if (!data.ok()) {
      Finish(ToGrpc(data.status()));
      return;
    }
    if (data->empty()) {
      Finish(grpc::Status::OK);
      return;
    }
    chunk_.set_data(*std::move(data));
    StartWrite(&chunk_);
  }

  AttemptFiles& files_;
  const v1::DownloadRequest request_;
  std::unique_ptr<AttemptFiles::Reader> reader_;
  v1::FileChunk chunk_;
};

}  // namespace

grpc::ServerReadReactor<v1::UploadMessage>* FileServiceImpl::Upload(grpc::CallbackServerContext*,
                                                                    v1::UploadAnswer* answer) {
  return new UploadReactor(options_.file_bytes_max, dispatch_, executor_, files_, answer);
}

grpc::ServerWriteReactor<v1::FileChunk>* FileServiceImpl::Download(
    grpc::CallbackServerContext*, const v1::DownloadRequest* request) {
  return new DownloadReactor(dispatch_, executor_, files_, request);
}

}  // namespace orch::dispatch
