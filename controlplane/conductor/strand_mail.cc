// How a strand comes by its mail: read a page, decide it, commit, and only then read on. What is
// read is therefore never under way already; a page lost with the memory is read again.
#include <optional>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/hash.h"
#include "base/log.h"
#include "controlplane/conductor/strand.h"

namespace orch::conductor {

namespace {

constexpr absl::Duration kMailDelay = absl::Seconds(1);
constexpr int kMailPageSize = 256;

struct FlowName {
  std::string tenant;
  std::string namespace_;
  std::string flow_id;
};

// The flow that a receiver names; nullopt for any other.
std::optional<FlowName> FlowOf(const std::string& receiver) {
  const std::vector<std::string> parts = absl::StrSplit(receiver, '/');
  if (parts.size() != 4 || parts[0] != "flow") return std::nullopt;
  return FlowName{parts[1], parts[2], parts[3]};
}

// Events that a flow's state understands.
bool IsForFlow(const v1::Event& event) {
  return event.has_flow_saved() || event.has_flow_deleted();
}

}  // namespace

// Mail of the strand's buckets, and the states of the flows that it is for.
struct Strand::MailPage {
  std::vector<v1::Mail> mails;
  std::map<std::string, absl::StatusOr<std::optional<store::FlowStateRows>>> flows;
  bool full = false;  // There may be more.
  absl::Status failed;
};

void Strand::Nudge() {
  executor_.Post([this, alive = alive_] {
    if (*alive) ReadMail();
  });
}

void Strand::ReadMail() {
  if (!ready_ || stopping_) return;
  if (mail_under_way_) {
    mail_due_ = true;
    return;
  }
  if (mail_timer_ != kNoTimer) executor_.Cancel(std::exchange(mail_timer_, kNoTimer));
  mail_under_way_ = true;
  mail_due_ = false;
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  for (const auto& [id, shard] : shards_) {
    if (!ranges.empty() && ranges.back().second + 1 == shard.bucket_first) {
      ranges.back().second = shard.bucket_last;
    } else {
      ranges.push_back({shard.bucket_first, shard.bucket_last});
    }
  }
  // What was kept is read as well, and must not stand in the way of the rest.
  const int limit = kMailPageSize + static_cast<int>(mails_kept_.size());
  background_.Post(
      [this, alive = alive_, generation = load_generation_, limit, ranges = std::move(ranges)] {
        auto page = std::make_shared<MailPage>();
        for (const auto& [first, last] : ranges) {
          auto mails = store_.Mails(first, last, limit);
          if (!mails.ok()) {
            page->failed = mails.status();
            break;
          }
          page->full = page->full || static_cast<int>(mails->size()) >= limit;
          for (v1::Mail& mail : *mails) page->mails.push_back(std::move(mail));
        }
        for (const v1::Mail& mail : page->mails) {
          const auto flow = FlowOf(mail.receiver());
          if (!flow || !IsForFlow(mail.event()) || page->flows.contains(mail.receiver())) continue;
          page->flows.emplace(mail.receiver(),
                              store_.LoadFlowState(flow->tenant, flow->namespace_, flow->flow_id));
        }
        executor_.Post([this, alive, generation, page] {
          if (*alive && generation == load_generation_ && !stopping_) TakeMail(*page);
        });
      });
}

void Strand::TakeMail(const MailPage& page) {
  if (!page.failed.ok()) {
    if (!std::exchange(mail_unreadable_, true)) {
      Log(LogLevel::kWarning, "mail cannot be read; trying each second",
          {{"error", std::string(page.failed.message())}});
    }
    MailTaken(/*more=*/false);
    return;
  }
  mail_unreadable_ = false;
  const size_t kept_before = mails_kept_.size();
  bool any_done = false;
  bool left = page.full;
  std::map<std::string, engine::FlowAggregate> flows;
  for (const v1::Mail& mail : page.mails) {
    if (pending_.full()) {
      left = true;
      break;
    }
    any_done = Deliver(mail, page, &flows) == Delivery::kDone || any_done;
  }
  if (!any_done) {
    MailTaken(left && mails_kept_.size() > kept_before);
    return;
  }
  AfterCommitOf([this, left] { MailTaken(left); });
  SchedulePump();
}

Strand::Delivery Strand::Deliver(const v1::Mail& mail, const MailPage& page,
                                 std::map<std::string, engine::FlowAggregate>* flows) {
  const std::string& receiver = mail.receiver();
  if (mails_kept_.contains({receiver, mail.sender(), mail.sequence()})) return Delivery::kKept;
  const auto name = FlowOf(receiver);
  if (!name) return KeepMail(mail, "nobody here goes by the receiver's name");
  if (!IsForFlow(mail.event())) {
    return KeepMail(mail, "its event is none that a flow's state understands");
  }
  if (BucketOf(name->tenant, name->namespace_, name->flow_id) != mail.receiver_bucket()) {
    return KeepMail(mail, "it is in another bucket than its receiver");
  }
  if (quarantined_.contains(receiver)) return KeepMail(mail, "its receiver cannot be stored");
  auto flow = flows->find(receiver);
  if (flow == flows->end()) {
    const auto loaded = page.flows.find(receiver);
    if (loaded == page.flows.end()) return Delivery::kLater;
    if (!loaded->second.ok()) {
      return absl::IsDataLoss(loaded->second.status())
                 ? KeepMail(mail, std::string(loaded->second.status().message()))
                 : Delivery::kLater;
    }
    const std::optional<store::FlowStateRows>& rows = *loaded->second;
    flow = flows
               ->emplace(receiver, rows ? engine::FlowAggregate(rows->state, rows->slots)
                                        : engine::FlowAggregate(name->tenant, name->namespace_,
                                                                name->flow_id))
               .first;
  }
  engine::FlowStep step =
      engine::DecideFlow(flow->second, mail.event(), store_clock_.Now(), random_.Next());
  if (step.changed) {
    flow->second.Apply(step.record);
    const v1::Changes& changes = step.record.changes();
    v1::RecordRow records;
    records.set_aggregate(receiver);
    records.set_first_number(step.record.number());
    *records.add_records() = step.record;
    pending_.AddFlowState(flow->second.state(), {changes.slots().begin(), changes.slots().end()},
                          {changes.slots_gone().begin(), changes.slots_gone().end()},
                          std::move(records));
  }
  pending_.AddMailGone({receiver, mail.sender(), mail.sequence()}, mail.receiver_bucket());
  return Delivery::kDone;
}

Strand::Delivery Strand::KeepMail(const v1::Mail& mail, std::string_view why) {
  mails_kept_.insert({mail.receiver(), mail.sender(), mail.sequence()});
  Log(LogLevel::kError, "a mail cannot be delivered; it is kept, and the rest goes on",
      {{"receiver", mail.receiver()},
       {"sender", mail.sender()},
       {"sequence", mail.sequence()},
       {"why", std::string(why)}});
  return Delivery::kKept;
}

void Strand::MailTaken(bool more) {
  mail_under_way_ = false;
  if (stopping_) return;
  if (more || mail_due_) {
    ReadMail();
    return;
  }
  mail_timer_ = executor_.PostAt(kMailDelay, [this, alive = alive_] {
    if (!*alive) return;
    mail_timer_ = kNoTimer;
    ReadMail();
  });
}

// With the memory goes what a page had decided; it is read again once shards are owned.
void Strand::ForgetMail() {
  if (mail_timer_ != kNoTimer) executor_.Cancel(std::exchange(mail_timer_, kNoTimer));
  mail_under_way_ = false;
  mail_due_ = false;
  mails_kept_.clear();
}

}  // namespace orch::conductor
