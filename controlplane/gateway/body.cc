#include "controlplane/gateway/body.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "absl/strings/escaping.h"
#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/codec.h"
#include "controlplane/gateway/errors.h"
#include "controlplane/gateway/multipart.h"
#include "controlplane/gateway/spool.h"
#include "controlplane/gateway/target.h"
#include "orch/v1/common.pb.h"

namespace orch::gateway {
namespace {

namespace pb = ::google::protobuf;

// "text/plain; charset=utf-8" -> "text/plain".
std::string MediaType(const HttpHead& head) {
  std::string_view type = FindHeader(head.headers, "content-type");
  type = type.substr(0, std::min(type.find(';'), type.size()));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  std::string lower(type);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Sha256 over everything that tells one request from another.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void Add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string Hex() {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), sum, &size);
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

pb::Message* JsonOf(pb::Message* request, const std::string& field) {
  const auto* descriptor = request->GetDescriptor()->FindFieldByName(field);
  return request->GetReflection()->MutableMessage(request, descriptor);
}

void SetJson(pb::Message* request, const std::string& field, std::string utf8) {
  static_cast<v1::Json*>(JsonOf(request, field))->set_utf8(std::move(utf8));
}

// Everything but forms: one text in memory.
class TextBody final : public Body {
 public:
  TextBody(const v1::Rest& rest, const BodyLimits& limits) : rest_(rest), limits_(limits) {}

  absl::Status Take(std::string_view piece) override {
    if (static_cast<int64_t>(text_.size() + piece.size()) > limits_.text_bytes_max) {
      return BodyTooLarge(limits_.text_bytes_max);
    }
    text_.append(piece);
    return absl::OkStatus();
  }

  absl::Status Finish(pb::Message* request, api::Call* call) override {
    Digest digest;
    digest.Add(text_);
    call->body_digest = digest.Hex();
    const auto* field = request->GetDescriptor()->FindFieldByName(rest_.body_field());
    const pb::Reflection& r = *request->GetReflection();
    switch (rest_.body()) {
      case v1::Rest::BODY_YAML:
      case v1::Rest::BODY_TEXT:
        if (!api::json::IsUtf8(text_)) return api::BadField(rest_.body_field(), "is no UTF-8");
        r.SetString(request, field, std::move(text_));
        return absl::OkStatus();
      case v1::Rest::BODY_BYTES:
        r.SetString(request, field, std::move(text_));
        return absl::OkStatus();
      default: return FinishJson(request, call);
    }
  }

 private:
  absl::Status FinishJson(pb::Message* request, api::Call* call) {
    const bool blank = text_.find_first_not_of(" \t\r\n") == std::string::npos;
    if (blank) return absl::OkStatus();  // As good as none: what is missing will be named.
    ORCH_RETURN_IF_ERROR(api::json::CheckJson(text_, limits_.json));
    if (rest_.body() == v1::Rest::BODY_MULTIPART) {
      if (api::json::Cursor(text_).kind() != api::json::Cursor::Kind::kObject) {
        return api::BadField(rest_.body_field(), "must be an object");
      }
      SetJson(request, rest_.body_field(), std::move(text_));
      return absl::OkStatus();
    }
    pb::Message* target =
        rest_.body_field().empty() ? request : JsonOf(request, rest_.body_field());
    if (target->GetDescriptor() == v1::Json::descriptor()) {
      static_cast<v1::Json*>(target)->set_utf8(std::move(text_));
      return absl::OkStatus();
    }
    std::vector<std::string> unknown;
    ORCH_RETURN_IF_ERROR(api::json::DecodeChecked(text_, target, &unknown));
    for (const std::string& name : unknown)
      call->warnings.push_back("field " + name + " is unknown");
    return absl::OkStatus();
  }

  const v1::Rest rest_;
  const BodyLimits limits_;
  std::string text_;
};

// {"a":"x","b":"y"}; of a name that comes twice, a list.
std::string ObjectOf(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const std::string*>> values;
  for (const auto& [name, value] : pairs) {
    if (values[name].empty()) order.push_back(name);
    values[name].push_back(&value);
  }
  std::string json = "{";
  for (const std::string& name : order) {
    if (json.size() > 1) json += ",";
    json += api::json::Quoted(name) + ":";
    const auto& all = values[name];
    if (all.size() > 1) json += "[";
    for (size_t i = 0; i < all.size(); ++i) {
      if (i > 0) json += ",";
      json += api::json::Quoted(*all[i]);
    }
    if (all.size() > 1) json += "]";
  }
  return json + "}";
}

class FormBody final : public Body {
 public:
  FormBody(const v1::Rest& rest, const BodyLimits& limits)
      : field_(rest.body_field()), limits_(limits) {}

  absl::Status Take(std::string_view piece) override {
    if (static_cast<int64_t>(text_.size() + piece.size()) > limits_.text_bytes_max) {
      return BodyTooLarge(limits_.text_bytes_max);
    }
    text_.append(piece);
    return absl::OkStatus();
  }
  absl::Status Finish(pb::Message* request, api::Call* call) override {
    Digest digest;
    digest.Add(text_);
    call->body_digest = digest.Hex();
    ORCH_ASSIGN_OR_RETURN(const auto pairs, ParseForm(text_));
    if (!pairs.empty()) SetJson(request, field_, ObjectOf(pairs));
    return absl::OkStatus();
  }

 private:
  const std::string field_;
  const BodyLimits limits_;
  std::string text_;
};

class MultipartBody final : public Body {
 public:
  MultipartBody(const v1::Rest& rest, const BodyLimits& limits, std::string boundary)
      : field_(rest.body_field()),
        limits_(limits),
        parser_(std::move(boundary),
                {.begin = [this](const Multipart::PartHead& head) { return BeginPart(head); },
                 .data = [this](std::string_view piece) { return TakePart(piece); },
                 .end = [this] { return EndPart(); }},
                limits.form_part_count_max) {}

  absl::Status Take(std::string_view piece) override {
    bytes_ += static_cast<int64_t>(piece.size());
    if (bytes_ > limits_.form_bytes_max) return BodyTooLarge(limits_.form_bytes_max);
    return parser_.Take(piece);
  }

  absl::Status Finish(pb::Message* request, api::Call* call) override {
    // A form without any part is a body of nothing, or a last boundary alone.
    if (bytes_ > 0) ORCH_RETURN_IF_ERROR(parser_.Finish());
    call->body_digest = digest_.Hex();
    if (!texts_.empty()) SetJson(request, field_, ObjectOf(texts_));
    for (File& file : files_) {
      call->files.push_back(
          {.name = file.head.name,
           .file_name = file.head.file_name,
           .content_type = file.head.content_type,
           .size = file.spool->size(),
           .open = [spool = file.spool]() -> absl::StatusOr<std::unique_ptr<storage::ByteSource>> {
             return spool->Read();
           }});
    }
    return absl::OkStatus();
  }

 private:
  struct File {
    Multipart::PartHead head;
    std::shared_ptr<SpoolFile> spool;
  };

  // Not the boundary: a client draws a new one each time it asks the same.
  absl::Status BeginPart(const Multipart::PartHead& head) {
    digest_.Add(head.name);
    digest_.Add("\n");
    if (!api::json::IsUtf8(head.name) || !api::json::IsUtf8(head.file_name)) {
      return NotAForm("a part's name is no UTF-8");
    }
    in_file_ = head.has_file_name;
    if (!in_file_) {
      texts_.emplace_back(head.name, "");
      return absl::OkStatus();
    }
    digest_.Add(head.file_name);
    ORCH_ASSIGN_OR_RETURN(std::shared_ptr<SpoolFile> spool, SpoolFile::Open(limits_.spool_folder));
    files_.push_back({head, std::move(spool)});
    return absl::OkStatus();
  }
  absl::Status TakePart(std::string_view piece) {
    digest_.Add(piece);
    if (in_file_) return files_.back().spool->Write(piece);
    text_bytes_ += static_cast<int64_t>(piece.size());
    if (text_bytes_ > limits_.text_bytes_max) return BodyTooLarge(limits_.text_bytes_max);
    texts_.back().second.append(piece);
    return absl::OkStatus();
  }
  absl::Status EndPart() {
    digest_.Add("\n");
    if (!in_file_ && !api::json::IsUtf8(texts_.back().second)) {
      return api::BadField(texts_.back().first, "is no UTF-8");
    }
    return absl::OkStatus();
  }

  const std::string field_;
  const BodyLimits limits_;
  Multipart parser_;
  Digest digest_;
  int64_t bytes_ = 0;
  int64_t text_bytes_ = 0;
  bool in_file_ = false;
  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<File> files_;
};

bool OneOf(const std::string& type, std::initializer_list<const char*> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Body>> Body::For(const v1::Rest& rest, const HttpHead& head,
                                                const BodyLimits& limits) {
  const std::string type = MediaType(head);
  const bool empty = !head.has_body || head.content_length == 0;
  bool multipart = false, form = false;
  switch (rest.body()) {
    case v1::Rest::BODY_NONE:
    case v1::Rest::BODY_BYTES: break;
    case v1::Rest::BODY_JSON:
      if (!empty && type != "application/json") return WrongMediaType(type, "application/json");
      break;
    case v1::Rest::BODY_YAML:
      if (!OneOf(type, {"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})) {
        return WrongMediaType(type, "application/x-yaml");
      }
      break;
    case v1::Rest::BODY_TEXT:
      if (!empty && type != "text/plain") return WrongMediaType(type, "text/plain");
      break;
    case v1::Rest::BODY_MULTIPART:
      multipart = type == "multipart/form-data";
      form = type == "application/x-www-form-urlencoded";
      if (!empty && !multipart && !form && type != "application/json") {
        return WrongMediaType(type, "multipart/form-data");
      }
      break;
    default: return absl::InternalError("a body of no known kind");
  }
  const int64_t bytes_max = multipart ? limits.form_bytes_max : limits.text_bytes_max;
  if (head.content_length > bytes_max) return BodyTooLarge(bytes_max);
  if (multipart) {
    if (empty) return std::make_unique<FormBody>(rest, limits);
    ORCH_ASSIGN_OR_RETURN(std::string boundary,
                          BoundaryOf(FindHeader(head.headers, "content-type")));
    return std::make_unique<MultipartBody>(rest, limits, std::move(boundary));
  }
  if (form) return std::make_unique<FormBody>(rest, limits);
  return std::make_unique<TextBody>(rest, limits);
}

absl::Status CheckJsonFields(const pb::Message& message, const api::json::JsonBudget& budget) {
  const pb::Reflection& r = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  r.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? r.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const pb::Message& child = field->is_repeated() ? r.GetRepeatedMessage(message, field, i)
                                                      : r.GetMessage(message, field);
      if (child.GetDescriptor() != v1::Json::descriptor()) {
        ORCH_RETURN_IF_ERROR(CheckJsonFields(child, budget));
        continue;
      }
      const std::string& utf8 = static_cast<const v1::Json&>(child).utf8();
      if (utf8.empty()) continue;
      if (const absl::Status status = api::json::CheckJson(utf8, budget); !status.ok()) {
        return api::BadField(field->json_name(), std::string(status.message()));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace orch::gateway
