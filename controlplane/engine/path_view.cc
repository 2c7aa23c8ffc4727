#include "controlplane/engine/path_view.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "expression/fuel.h"

namespace orch::engine {
namespace {

using expression::Fuel;
using expression::MapBuilder;
using expression::MapOrder;
using expression::Value;

// From the flow's own list down to `task`.
std::vector<const flow::Task*> ChainOf(const flow::Flow& flow, const flow::Task& task) {
  std::vector<const flow::Task*> chain;
  for (const flow::Task* at = &task; at != nullptr;
       at = at->parent < 0 ? nullptr : flow.tasks_by_index[at->parent]) {
    chain.push_back(at);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::optional<Value> LeafOf(const Scope& scope, LeafKind kind, const flow::Task& task,
                            const v1::TaskRun& run) {
  if (kind == LeafKind::kState) {
    MapBuilder map;
    map.Set("state", Value::String(v1::State_Name(run.state())));
    return map.Build();
  }
  const bool shows =
      run.state() != v1::SKIPPED && (!run.live() || task.place == flow::Place::kFlowable);
  if (!shows) return std::nullopt;
  return OutputsOf(scope, run);
}

absl::Status TooMuch() {
  return absl::ResourceExhaustedError(
      "there are too many outputs to be used as a whole; name the task and the value you need");
}

// Values on the way to a leaf, as nested maps in the order in which they came.
struct Tree {
  std::vector<std::pair<std::string, std::unique_ptr<Tree>>> children;
  absl::flat_hash_map<std::string, Tree*> by_name;
  std::optional<Value> leaf;

  Tree& Child(const std::string& name) {
    Tree*& child = by_name[name];
    if (child == nullptr) {
      child = children.emplace_back(name, std::make_unique<Tree>()).second.get();
    }
    return *child;
  }
  Value Build() const {
    if (leaf) return *leaf;
    MapBuilder map;
    for (const auto& [name, child] : children) map.Set(name, child->Build());
    return map.Build();
  }
};

// One task from some point of its chain on.
class TaskView : public expression::View {
 public:
  // The first `position` elements of the chain are resolved, and led to `run`; the next one carries a
  // value.
  TaskView(Scope scope, LeafKind kind, std::vector<const flow::Task*> chain, size_t position,
           int64_t run)
      : scope_(std::move(scope)),
        kind_(kind),
        chain_(std::move(chain)),
        position_(position),
        run_(run) {}

  // The value behind `chain` from `position` on: a leaf, a view that asks for a value, or nothing.
  static std::optional<Value> Resolve(const Scope& scope, LeafKind kind,
                                      std::vector<const flow::Task*> chain, size_t position,
                                      int64_t run) {
    while (position < chain.size()) {
      const flow::Task& task = *chain[position];
      if (CarriesValue(*scope.flow, task)) {
        return Value::OfView(
            std::make_shared<TaskView>(scope, kind, std::move(chain), position, run));
      }
      const v1::TaskRun* next = scope.draft->FindRun(task.id, run, "");
      if (next == nullptr) return std::nullopt;
      run = next->number();
      ++position;
    }
    return LeafOf(scope, kind, *chain.back(), *scope.draft->FindRun(run));
  }

  std::optional<Value> Get(std::string_view key) const override {
    const v1::TaskRun* next = scope_.draft->FindRun(chain_[position_]->id, run_, key);
    if (next == nullptr) return std::nullopt;
    return Resolve(scope_, kind_, chain_, position_ + 1, next->number());
  }

  absl::StatusOr<Value> Materialise(Fuel& fuel) const override {
    Tree tree;
    const flow::Task& leaf_task = *chain_.back();
    std::vector<std::string> path;
    for (const int64_t number : scope_.draft->RunsOfTask(leaf_task.id)) {
      if (!fuel.Spend(1)) return TooMuch();
      const v1::TaskRun& run = *scope_.draft->FindRun(number);
      path.clear();
      const v1::TaskRun* at = &run;
      for (size_t i = chain_.size(); i > position_ && at != nullptr; --i) {
        if (at->has_value()) path.push_back(at->value());
        if (i - 1 == position_ && at->parent() != run_) {
          at = nullptr;
          break;
        }
        if (i - 1 > position_) at = scope_.draft->FindRun(at->parent());
      }
      if (at == nullptr) continue;
      std::optional<Value> leaf = LeafOf(scope_, kind_, leaf_task, run);
      if (!leaf) continue;
      if (!fuel.Spend(static_cast<int64_t>(leaf->size())) ||
          !fuel.SpendBytes(static_cast<int64_t>(leaf->weight()))) {
        return TooMuch();
      }
      Tree* node = &tree;
      for (auto name = path.rbegin(); name != path.rend(); ++name) node = &node->Child(*name);
      node->leaf = *std::move(leaf);
    }
    return tree.Build();
  }

  bool Empty() const override { return !scope_.draft->HasRunOfTask(chain_.back()->id); }

 private:
  Scope scope_;
  LeafKind kind_;
  std::vector<const flow::Task*> chain_;
  size_t position_;
  int64_t run_;
};

class AllRunsView : public expression::View {
 public:
  AllRunsView(Scope scope, LeafKind kind) : scope_(std::move(scope)), kind_(kind) {}

  std::optional<Value> Get(std::string_view key) const override {
    const flow::Task* task = scope_.flow->FindTask(key);
    if (task == nullptr || !scope_.draft->HasRunOfTask(key)) return std::nullopt;
    return TaskView::Resolve(scope_, kind_, ChainOf(*scope_.flow, *task), 0, -1);
  }

  absl::StatusOr<Value> Materialise(Fuel& fuel) const override {
    MapBuilder map(MapOrder::kJavaHash);
    for (const std::string& task : scope_.draft->TasksSeen()) {
      if (!fuel.Spend(1)) return TooMuch();
      std::optional<Value> value = Get(task);
      if (!value) continue;
      if (value->is_view()) {
        absl::StatusOr<Value> whole = value->view().Materialise(fuel);
        if (!whole.ok()) return whole;
        value = *std::move(whole);
        if (value->size() == 0) continue;
      } else if (!fuel.Spend(static_cast<int64_t>(value->size())) ||
                 !fuel.SpendBytes(static_cast<int64_t>(value->weight()))) {
        return TooMuch();
      }
      map.Set(task, *std::move(value));
    }
    return map.Build();
  }

  bool Empty() const override { return scope_.draft->run_count() == 0; }

 private:
  Scope scope_;
  LeafKind kind_;
};

}  // namespace

std::shared_ptr<const expression::View> RunsView(const Scope& scope, LeafKind kind) {
  return std::make_shared<AllRunsView>(scope, kind);
}

bool CarriesValue(const flow::Flow& flow, const flow::Task& task) {
  if (task.parent < 0) return false;
  const flow::Task& parent = *flow.tasks_by_index[task.parent];
  if (parent.flowable != flow::Flowable::kForEach) return false;
  const auto stands_in = [&task](const flow::TaskList& list) {
    return std::any_of(list.begin(), list.end(),
                       [&task](const auto& each) { return each.get() == &task; });
  };
  return !stands_in(parent.errors) && !stands_in(parent.finally);
}

}  // namespace orch::engine
