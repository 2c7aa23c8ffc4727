#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/manual_clock.h"
#include "base/random.h"
#include "base/status_matchers.h"
#include "controlplane/catalog/flow_catalog.h"
#include "controlplane/catalog/key_values.h"
#include "controlplane/catalog/task_type_catalog.h"
#include "controlplane/store/faulty_store.h"
#include "controlplane/store/simulated_store.h"
#include "expression/json.h"

namespace orch::catalog {
namespace {

using expression::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using Code = absl::StatusCode;

// A clock at whose glance something happens: what comes between a read and the write that follows.
class EventfulClock final : public Clock {
 public:
  explicit EventfulClock(ManualClock& clock) : clock_(clock) {}
  void AtNextGlance(std::function<void()> event) { event_ = std::move(event); }
  absl::Time Now() override {
    if (auto event = std::exchange(event_, nullptr)) event();
    return clock_.Now();
  }
  absl::Duration Boottime() override { return clock_.Boottime(); }

 private:
  ManualClock& clock_;
  std::function<void()> event_;
};

class CatalogTest : public testing::Test {
 protected:
  static std::string Source(std::string_view rest = "", std::string_view id = "f") {
    return "id: " + std::string(id) + "\nnamespace: a.b\n" + std::string(rest) +
           "tasks: [{id: t, type: debug.Return}]\n";
  }
  static FlowChange Change(std::string source) {
    FlowChange change;
    change.source = std::move(source);
    return change;
  }
  // The revision that a save answers, negative when it changed nothing.
  static int Revision(const absl::StatusOr<FlowCatalog::Saved>& saved) {
    EXPECT_THAT(saved, IsOk());
    if (!saved.ok()) return 0;
    return saved->changed ? saved->flow.row.revision : -saved->flow.row.revision;
  }

  ManualClock manual_;
  EventfulClock clock_{manual_};
  SeededRandom random_{1};
  store::SimulatedStore simulated_{manual_};
  store::FaultyStore store_{simulated_, nullptr, random_};
  TaskTypeCatalog types_{store_, manual_, *flow::TaskTypes::BuiltIn()};
  FlowCatalog flows_{store_, types_, clock_};
  FlowCatalog others_{simulated_, types_, manual_};  // Another replica's.
  KeyValues keys_{store_, clock_};
  KeyValues other_keys_{simulated_, manual_};
};

TEST_F(CatalogTest, EachRevisionIsMailedToTheStateOfItsFlow) {
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 1);
  EXPECT_EQ(Revision(flows_.Upsert(Change(Source()))), -1);
  EXPECT_EQ(Revision(flows_.Upsert(Change(Source("description: x\n")))), 2);
  EXPECT_THAT(flows_.Delete("main", "a.b", "f"), IsOk());
  EXPECT_FALSE(flows_.Delete("main", "a.b", "f").ok());
  const auto mails = *simulated_.Mails(BucketOf("main", "a.b", "f"), BucketOf("main", "a.b", "f"),
                                       /*limit=*/10);
  ASSERT_EQ(mails.size(), 3u) << "none for a save that says nothing new";
  for (size_t i = 0; i < mails.size(); ++i) {
    EXPECT_EQ(mails[i].receiver(), "flow/main/a.b/f");
    EXPECT_EQ(mails[i].sender(), "catalog");
    EXPECT_EQ(mails[i].sequence(), static_cast<int64_t>(i) + 1);
  }
  EXPECT_EQ(mails[0].event().flow_saved().revision(), 1);
  EXPECT_EQ(mails[1].event().flow_saved().revision(), 2);
  EXPECT_EQ(mails[2].event().flow_deleted().revision(), 3);
}

TEST_F(CatalogTest, ASaveThatFailsSendsNoMail) {
  store_.SetRates({.write_unavailable = 1});
  EXPECT_FALSE(flows_.Create(Change(Source())).ok());
  EXPECT_TRUE(simulated_.Mails(0, 65535, 10)->empty());
  store_.SetRates({.write_unknown_done = 1});
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 1);
  EXPECT_EQ(simulated_.Mails(0, 65535, 10)->size(), 1u) << "an answer that was lost, told once";
}

TEST_F(CatalogTest, RevisionsGrowOnlyWhenTheSourceSaysSomethingNew) {
  EXPECT_EQ(Revision(flows_.Create(Change("revision: 9\n" + Source()))), 1);
  EXPECT_THAT(flows_.Create(Change(Source())),
              StatusIs(Code::kAlreadyExists, HasSubstr("already exists: a.b.f")));
  EXPECT_EQ(Revision(flows_.Update("a.b", "f", Change(Source()))), -1);
  EXPECT_EQ(Revision(flows_.Update("a.b", "f", Change(Source() + "# why\n"))), 2);
  EXPECT_EQ(Revision(flows_.Update("a.b", "f", Change(Source()))), 3);  // An old content is news.
  EXPECT_EQ(Revision(flows_.Upsert(Change(Source()))), -3);
  EXPECT_EQ(Revision(flows_.Upsert(Change(Source("", "g")))), 1);

  ORCH_ASSERT_OK_AND_ASSIGN(const StoredFlow second, flows_.Get("main", "a.b", "f", 2));
  EXPECT_EQ(second.row.source, Source() + "# why\n");
  EXPECT_EQ(second.flow->revision, 2);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto revisions, flows_.Revisions("main", "a.b", "f"));
  EXPECT_EQ(revisions.size(), 3u);
  EXPECT_THAT(flows_.Get("main", "a.b", "f", 4),
              StatusIs(Code::kNotFound, HasSubstr("no revision 4")));
  EXPECT_THAT(flows_.Get("main", "a.b", "nobody"), StatusIs(Code::kNotFound));
  EXPECT_THAT(flows_.Revisions("main", "a.b", "nobody"), StatusIs(Code::kNotFound));
}

TEST_F(CatalogTest, WhatAFlowSaysStandsInItsRow) {
  ORCH_ASSERT_OK_AND_ASSIGN(
      const FlowCatalog::Saved saved,
      flows_.Create(Change(Source("description: d\ndisabled: true\nlabels: {k: v}\n"))));
  EXPECT_EQ(saved.flow.row.description, "d");
  EXPECT_TRUE(saved.flow.row.disabled);
  ASSERT_EQ(saved.flow.row.labels.size(), 1u);
  EXPECT_EQ(saved.flow.row.labels[0].key(), "k");
  EXPECT_EQ(saved.flow.row.updated_at, manual_.Now());
}

TEST_F(CatalogTest, ARefusedSourceTellsEveryReasonAndWritesNothing) {
  EXPECT_THAT(
      flows_.Create(Change("id: f\nnamespace: A\nnoise: 1\ntasks: []\n")),
      StatusIs(Code::kInvalidArgument, testing::AllOf(HasSubstr("line 2, column 12: namespace"),
                                                      HasSubstr("line 3, column 1: noise"),
                                                      HasSubstr("line 4, column 8: tasks"))));
  EXPECT_THAT(flows_.Revisions("main", "A", "f"), StatusIs(Code::kNotFound));
  FlowChange strict = Change("id: f\nnamespace: a.b\ntasks: [{id: t, type: acme.Do}]\n");
  ORCH_ASSERT_OK_AND_ASSIGN(const FlowCatalog::Saved saved, flows_.Create(strict));
  EXPECT_EQ(saved.flow.complaints.size(), 1u);  // A warning.
  strict.strict = true;
  EXPECT_THAT(flows_.Upsert(strict), StatusIs(Code::kInvalidArgument, HasSubstr("acme.Do")));
}

TEST_F(CatalogTest, AnUpdateChangesNoNames) {
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 1);
  EXPECT_THAT(flows_.Update("a.b", "g", Change(Source())),
              StatusIs(Code::kInvalidArgument, HasSubstr("Illegal flow id update")));
  EXPECT_THAT(flows_.Update("a", "f", Change(Source())),
              StatusIs(Code::kInvalidArgument, HasSubstr("Illegal namespace update")));
  EXPECT_THAT(flows_.Update("a.b", "h", Change(Source("", "h"))),
              StatusIs(Code::kNotFound, HasSubstr("a.b.h")));
}

TEST_F(CatalogTest, ADeletedFlowKeepsItsRevisionsAndItsCount) {
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 1);
  EXPECT_THAT(flows_.Delete("main", "a.b", "f"), IsOk());
  EXPECT_THAT(flows_.Delete("main", "a.b", "f"), StatusIs(Code::kNotFound));
  EXPECT_THAT(flows_.Get("main", "a.b", "f"), StatusIs(Code::kNotFound));
  EXPECT_THAT(flows_.Update("a.b", "f", Change(Source())), StatusIs(Code::kNotFound));
  EXPECT_THAT(flows_.Get("main", "a.b", "f", 1), IsOk());
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 3);
  ORCH_ASSERT_OK_AND_ASSIGN(const store::FlowPage page, flows_.List({}, {}));
  ASSERT_EQ(page.flows.size(), 1u);
  EXPECT_EQ(page.flows[0].revision, 3);
}

TEST_F(CatalogTest, WhoeverIsOvertakenStartsOver) {
  clock_.AtNextGlance(
      [&] { EXPECT_EQ(Revision(others_.Create(Change(Source("description: x\n")))), 1); });
  EXPECT_EQ(Revision(flows_.Upsert(Change(Source()))), 2);

  clock_.AtNextGlance(
      [&] { EXPECT_EQ(Revision(others_.Upsert(Change(Source("description: y\n")))), 3); });
  EXPECT_EQ(Revision(flows_.Upsert(Change(Source("description: y\n")))),
            -3);  // They said the same.

  clock_.AtNextGlance([&] { EXPECT_THAT(others_.Delete("main", "a.b", "f"), IsOk()); });
  EXPECT_THAT(flows_.Update("a.b", "f", Change(Source())), StatusIs(Code::kNotFound));

  clock_.AtNextGlance([&] { EXPECT_EQ(Revision(others_.Create(Change(Source("", "g")))), 1); });
  EXPECT_THAT(flows_.Create(Change(Source("", "g"))), StatusIs(Code::kAlreadyExists));
}

TEST_F(CatalogTest, ALostAnswerIsFoundOut) {
  store_.SetRates({.write_unknown_done = 1});
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 1);
  EXPECT_EQ(Revision(flows_.Update("a.b", "f", Change(Source("description: x\n")))), 2);
  EXPECT_THAT(flows_.Delete("main", "a.b", "f"), IsOk());
  store_.SetRates({});
  ORCH_ASSERT_OK_AND_ASSIGN(const auto revisions, flows_.Revisions("main", "a.b", "f"));
  EXPECT_EQ(revisions.size(), 3u);
}

TEST_F(CatalogTest, AStoreThatIsAwayIsToldAndNothingElse) {
  store_.SetRates({.write_unavailable = 1});
  EXPECT_THAT(flows_.Create(Change(Source())), StatusIs(Code::kUnavailable));
  EXPECT_THAT(keys_.Set("main", "a", "k", {.value = Value::Int(1)}), StatusIs(Code::kUnavailable));
}

TEST_F(CatalogTest, ACompiledRevisionNeedsNoStore) {
  EXPECT_EQ(Revision(flows_.Create(Change(Source()))), 1);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto first, flows_.GetRunnable("main", "a.b", "f", 1));
  store_.SetRates({.read_unavailable = 1});
  ORCH_ASSERT_OK_AND_ASSIGN(const auto again, flows_.GetRunnable("main", "a.b", "f", 1));
  EXPECT_EQ(first, again);
  EXPECT_THAT(flows_.GetRunnable("main", "a.b", "f", 2), StatusIs(Code::kUnavailable));
}

TEST_F(CatalogTest, TheLeastRecentlyUsedRevisionIsForgottenFirst) {
  FlowCatalog::Options options;
  options.cache_count_max = 2;
  FlowCatalog small(store_, types_, clock_, options);
  for (const char* id : {"f", "g", "h"})
    EXPECT_EQ(Revision(flows_.Create(Change(Source("", id)))), 1);
  for (const char* id : {"f", "g", "f", "h"})
    EXPECT_THAT(small.GetRunnable("main", "a.b", id, 1), IsOk());
  store_.SetRates({.read_unavailable = 1});
  EXPECT_THAT(small.GetRunnable("main", "a.b", "f", 1), IsOk());
  EXPECT_THAT(small.GetRunnable("main", "a.b", "h", 1), IsOk());
  EXPECT_THAT(small.GetRunnable("main", "a.b", "g", 1), StatusIs(Code::kUnavailable));
}

TEST_F(CatalogTest, ARevisionThatTodaysReaderRefusesStillRunsIfItCanBeBuilt) {
  const auto store = [&](int revision, const std::string& source) {
    store::SharedRows rows;
    store::FlowRow& row = rows.flows.emplace_back();
    row.tenant = "main";
    row.namespace_ = "a.b";
    row.id = "f";
    row.revision = revision;
    row.source = source;
    EXPECT_THAT(simulated_.Write(rows), IsOk());
  };
  store(1, Source("gone: since then\n"));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto flow, flows_.GetRunnable("main", "a.b", "f", 1));
  EXPECT_EQ(flow->tasks.size(), 1u);
  store(2, "id: f\nnamespace: a.b\ntasks: [{id: p, type: flow.Pause}]\n");
  EXPECT_THAT(flows_.GetRunnable("main", "a.b", "f", 2),
              StatusIs(Code::kFailedPrecondition, HasSubstr("flow.Pause")));
  ORCH_ASSERT_OK_AND_ASSIGN(const StoredFlow stored, flows_.Get("main", "a.b", "f"));
  EXPECT_EQ(stored.flow, nullptr);
  EXPECT_FALSE(stored.complaints.empty());
}

constexpr char kSchema[] =
    R"({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"],
                               "additionalProperties": false})";

TEST_F(CatalogTest, SchemasThatWorkersBringOutliveThem) {
  const std::string flow =
      "id: f\nnamespace: a.b\ntasks: [{id: t, type: io.kestra.plugin.acme.Do, y: 1}]\n";
  EXPECT_NE(flows_.Validate(flow).flow, nullptr);
  EXPECT_FALSE(types_.Knows("acme.Do", TaskTypeCatalog::DigestOf(kSchema)));
  EXPECT_THAT(types_.Bring({{"acme.Do", "1", kSchema, "Does."}}), IsOk());
  EXPECT_TRUE(types_.Knows("acme.Do", TaskTypeCatalog::DigestOf(kSchema)));
  EXPECT_EQ(flows_.Validate(flow).flow, nullptr);

  TaskTypeCatalog later(store_, manual_, *flow::TaskTypes::BuiltIn());
  EXPECT_EQ(later.types()->Find("acme.Do"), nullptr);
  EXPECT_THAT(later.Load(), IsOkAndHolds(0));
  EXPECT_NE(later.types()->Find("acme.Do"), nullptr);
  const auto before = later.types();
  EXPECT_THAT(later.Load(), IsOkAndHolds(0));
  EXPECT_EQ(later.types(), before);  // Nothing new: compiled flows stay.
}

TEST_F(CatalogTest, SchemasAreBroughtAllOrNone) {
  EXPECT_THAT(types_.Bring({{"acme.Good", "1", kSchema, ""}, {"acme.Bad", "1", "{", ""}}),
              StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(types_.types()->Find("acme.Good"), nullptr);
  // What is built in stays as this release has it.
  EXPECT_THAT(types_.Bring({{"log.Log", "9", kSchema, ""}}), IsOk());
  EXPECT_TRUE(types_.types()->Find("log.Log")->built_in);
}

TEST_F(CatalogTest, ValuesHaveTypesThatTheyTellOrAreGiven) {
  struct Case {
    const char* name;
    Value value;
    const char* type;
    const char* stored_type;
    const char* plain;  // JSON of what a task sees, or the error.
  };
  const Value map = *expression::ParseJson(R"({"b":1,"a":[null]})");
  const Case cases[] = {
      {"a text", Value::String("x"), "", "STRING", R"("x")"},
      {"a number", Value::Int(7), "", "NUMBER", "7"},
      {"a large number", Value::BigInt("123456789012345678901"), "", "NUMBER",
       "123456789012345678901"},
      {"a boolean", Value::Bool(true), "", "BOOLEAN", "true"},
      {"a map", map, "", "JSON", R"({"b":1,"a":[null]})"},
      {"nothing", Value::Null(), "", "STRING", "null"},
      {"an instant", Value::Instant(absl::FromUnixSeconds(0)), "", "DATETIME",
       R"("1970-01-01T00:00:00Z")"},
      {"a date", Value::Date(absl::CivilDay(2024, 5, 1)), "", "DATE", R"("2024-05-01")"},
      {"a duration", Value::Duration(absl::Seconds(90)), "", "DURATION", "90.0"},
      {"a text that is a duration", Value::String("PT1M30S"), "", "DURATION", R"(90.0)"},
      {"... kept as a text", Value::String("PT1M30S"), "STRING", "STRING", R"("PT1M30S")"},
      {"a text made a number", Value::String("1.5"), "NUMBER", "NUMBER", "1.5"},
      {"a number made a text", Value::Int(7), "STRING", "STRING", R"("7")"},
      {"a text made a boolean", Value::String("yes"), "BOOLEAN", "BOOLEAN", "false"},
      {"a text made JSON", Value::String("[1]"), "JSON", "JSON", "[1]"},
      {"an instant made a date", Value::String("2024-05-01T23:00:00Z"), "DATE", "DATE",
       R"("2024-05-01")"},
      {"a day is no instant", Value::String("2024-05-01"), "DATE", "",
       "the value is no DATE: Text '2024-05-01' could not be parsed at index 10"},
      {"no number", Value::String("x"), "NUMBER", "", "the value is no NUMBER: "},
      {"no duration", Value::String("x"), "DURATION", "",
       "the value is no DURATION: write it like `PT30S`"},
      {"a map is no number", map, "NUMBER", "", "the value is no NUMBER: it is of type JSON"},
      {"no type", Value::String("x"), "TEXT", "", "the value is no TEXT: that is no type"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    KvSet set;
    set.value = c.value;
    set.type = c.type;
    const auto saved = keys_.Set("main", "a", "k", set);
    if (*c.stored_type == '\0') {
      EXPECT_THAT(saved, StatusIs(Code::kInvalidArgument, HasSubstr(c.plain)));
      continue;
    }
    ASSERT_THAT(saved, IsOk());
    ORCH_ASSERT_OK_AND_ASSIGN(const auto entry, keys_.Get("main", "a", "k"));
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(entry->type, c.stored_type);
    EXPECT_EQ(expression::ToJson(KvPlain(entry->value), expression::NullPolicy::kKeep), c.plain);
    EXPECT_TRUE(entry->value == saved->value);
  }
}

TEST_F(CatalogTest, AKeyGrowsByRevisionsAndRemembersItsBirth) {
  const absl::Time born = manual_.Now();
  KvSet set{.value = Value::Int(1), .description = "first"};
  EXPECT_THAT(keys_.Set("main", "a", "k", set), IsOk());
  manual_.Advance(absl::Hours(1));
  set = {.value = Value::Int(2)};
  ORCH_ASSERT_OK_AND_ASSIGN(const KvEntry entry, keys_.Set("main", "a", "k", set));
  EXPECT_EQ(entry.revision, 2);
  EXPECT_EQ(entry.created_at, born);
  EXPECT_EQ(entry.updated_at, manual_.Now());
  EXPECT_EQ(entry.description, "first");
  set.overwrite = false;
  EXPECT_THAT(keys_.Set("main", "a", "k", set),
              StatusIs(Code::kAlreadyExists, HasSubstr("`k` already exists")));
  EXPECT_THAT(keys_.Set("main", "a", "bad key", set),
              StatusIs(Code::kInvalidArgument, HasSubstr("is no key")));
  EXPECT_THAT(keys_.Set("main", "a", "-k", set), StatusIs(Code::kInvalidArgument));
}

TEST_F(CatalogTest, WhatHasExpiredIsGoneAndSaysSo) {
  KvSet set{.value = Value::Int(1), .ttl = absl::Minutes(1)};
  EXPECT_THAT(keys_.Set("main", "a", "k", set), IsOk());
  EXPECT_THAT(keys_.Set("main", "a", "stays", {.value = Value::Int(2)}), IsOk());
  manual_.Advance(absl::Minutes(1) - absl::Nanoseconds(1'000));
  EXPECT_THAT(keys_.Get("main", "a", "k"), IsOk());
  manual_.Advance(absl::Nanoseconds(1'000));
  EXPECT_THAT(keys_.Get("main", "a", "k"), StatusIs(Code::kNotFound, HasSubstr("has expired")));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto entries, keys_.List("main", "a", ""));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key, "stays");
  EXPECT_THAT(keys_.Delete("main", "a", "k"), IsOkAndHolds(false));
  set = {.value = Value::Int(3), .overwrite = false};
  EXPECT_THAT(keys_.Set("main", "a", "k", set), IsOk());
  set.ttl = -absl::Seconds(1);
  EXPECT_THAT(keys_.Set("main", "a", "k", set), StatusIs(Code::kInvalidArgument));
}

TEST_F(CatalogTest, KeysAreFoundInParentNamespacesNearestFirst) {
  EXPECT_THAT(keys_.Set("main", "a", "k", {.value = Value::Int(1)}), IsOk());
  EXPECT_THAT(keys_.Set("main", "a.b", "k", {.value = Value::Int(2)}), IsOk());
  ORCH_ASSERT_OK_AND_ASSIGN(const auto near, keys_.GetInherited("main", "a.b.c", "k"));
  EXPECT_EQ(near->value.AsInt(), 2);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto none, keys_.Get("main", "a.b.c", "k"));
  EXPECT_FALSE(none.has_value());
  ORCH_ASSERT_OK_AND_ASSIGN(const auto missing, keys_.GetInherited("main", "x.y", "k"));
  EXPECT_FALSE(missing.has_value());
}

TEST_F(CatalogTest, TwoWhoSetOneKeyBothCount) {
  clock_.AtNextGlance(
      [&] { EXPECT_THAT(other_keys_.Set("main", "a", "k", {.value = Value::Int(1)}), IsOk()); });
  ORCH_ASSERT_OK_AND_ASSIGN(const KvEntry entry,
                            keys_.Set("main", "a", "k", {.value = Value::Int(2)}));
  EXPECT_EQ(entry.revision, 2);

  // Only one of two may be the first.
  clock_.AtNextGlance([&] {
    EXPECT_THAT(other_keys_.Set("main", "a", "once", {.value = Value::Int(1), .overwrite = false}),
                IsOk());
  });
  EXPECT_THAT(keys_.Set("main", "a", "once", {.value = Value::Int(2), .overwrite = false}),
              StatusIs(Code::kAlreadyExists));
}

TEST_F(CatalogTest, AnAttemptThatIsToldTwiceAnswersTheSame) {
  KvSet set{.value = Value::Int(1), .overwrite = false, .attempt = "run/1"};
  store_.SetRates({.write_unknown_done = 1});
  EXPECT_THAT(keys_.Set("main", "a", "k", set), IsOk());  // The answer was lost, and found out.
  store_.SetRates({});
  EXPECT_THAT(keys_.Set("main", "a", "k", set), IsOk());
  ORCH_ASSERT_OK_AND_ASSIGN(const auto entry, keys_.Get("main", "a", "k"));
  EXPECT_EQ(entry->revision, 1);
  set.attempt = "run/2";
  EXPECT_THAT(keys_.Set("main", "a", "k", set), StatusIs(Code::kAlreadyExists));

  EXPECT_THAT(keys_.Delete("main", "a", "k", "run/3"), IsOkAndHolds(true));
  EXPECT_THAT(keys_.Delete("main", "a", "k", "run/3"), IsOkAndHolds(true));
  EXPECT_THAT(keys_.Delete("main", "a", "k", "run/4"), IsOkAndHolds(false));
  EXPECT_THAT(keys_.Delete("main", "a", "k"), IsOkAndHolds(false));
}

TEST_F(CatalogTest, AuditRecordsAreWrittenWithTheChangeOnly) {
  FlowChange change = Change(Source());
  store::v1::AuditRecord audit;
  audit.set_id("1");
  audit.set_tenant("main");
  audit.set_verb("FLOW_CREATE");
  change.audits.push_back(audit);
  EXPECT_EQ(Revision(flows_.Upsert(change)), 1);
  change.audits[0].set_id("2");
  EXPECT_EQ(Revision(flows_.Upsert(change)), -1);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto audits, simulated_.ListAudit("main", 10));
  EXPECT_EQ(audits.size(), 1u);
}

}  // namespace
}  // namespace orch::catalog
