#include "controlplane/flow/plugin_defaults.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_format.h"
#include "controlplane/flow/task_reader.h"

namespace orch::flow {
namespace {

struct Default {
  std::string type;
  bool forced = false;
  const YamlNode* values = nullptr;
};

// Whose word counts where both maps have a key.
enum class Winner { kObject, kDefault };

class Injector {
 public:
  Injector(Reading* reading, YamlDocument* document, std::vector<Default> defaults)
      : reading_(reading), document_(document), defaults_(std::move(defaults)) {}

  // The node with defaults in it, children before their parent.
  const YamlNode* Inject(const YamlNode* node) {
    const YamlNode* injected = InjectMembers(node);
    if (!injected->is_map()) return injected;
    const YamlEntry* type = injected->Find("type");
    if (type == nullptr || type->value->kind != YamlNode::Kind::kText) return injected;
    const YamlNode* merged = injected;
    for (const Default& entry : defaults_) {
      if (!entry.forced && Matches(entry, type->value->text)) {
        merged = Merge(merged, entry.values, Winner::kObject);
      }
    }
    for (auto entry = defaults_.rbegin(); entry != defaults_.rend(); ++entry) {
      if (entry->forced && Matches(*entry, type->value->text)) {
        merged = Merge(merged, entry->values, Winner::kDefault);
      }
    }
    return merged;
  }

 private:
  static bool Matches(const Default& entry, const std::string& type) {
    return type.compare(0, entry.type.size(), entry.type) == 0;
  }

  const YamlNode* InjectMembers(const YamlNode* node) {
    if (node->is_list()) {
      std::vector<const YamlNode*> items;
      bool changed = false;
      for (const YamlNode* item : node->items) {
        items.push_back(Inject(item));
        changed = changed || items.back() != item;
      }
      if (!changed) return node;
      YamlNode* copy = Copy(node);
      copy->items = std::move(items);
      return copy;
    }
    if (!node->is_map()) return node;
    std::vector<YamlEntry> entries = node->entries;
    bool changed = false;
    for (YamlEntry& entry : entries) {
      const YamlNode* value = Inject(entry.value);
      changed = changed || value != entry.value;
      entry.value = value;
    }
    if (!changed) return node;
    YamlNode* copy = Copy(node);
    copy->entries = std::move(entries);
    return copy;
  }

  // A node that can be changed, and knows what it replaces.
  YamlNode* Copy(const YamlNode* node) {
    if (++node_count_ > reading_->options.limits.node_count_max && !overflowed_) {
      overflowed_ = true;
      reading_->Fatal(node->mark, "pluginDefaults", "the defaults make the flow too large");
    }
    YamlNode* copy = document_->Add();
    *copy = *node;
    copy->before_injection = node->before_injection != nullptr ? node->before_injection : node;
    return copy;
  }

  const YamlNode* Merge(const YamlNode* object, const YamlNode* defaults, Winner winner) {
    if (overflowed_) return object;
    if (object->is_list() && defaults->is_list()) {
      YamlNode* merged = Copy(object);
      const auto& first = winner == Winner::kObject ? defaults->items : object->items;
      const auto& then = winner == Winner::kObject ? object->items : defaults->items;
      merged->items = first;
      merged->items.insert(merged->items.end(), then.begin(), then.end());
      node_count_ += static_cast<int64_t>(merged->items.size());
      return merged;
    }
    if (object->is_map() && defaults->is_map()) {
      YamlNode* merged = Copy(object);
      std::unordered_map<std::string_view, size_t> own;
      for (size_t i = 0; i < object->entries.size(); ++i) own.emplace(object->entries[i].key, i);
      for (const YamlEntry& entry : defaults->entries) {
        if (entry.value->is_null()) continue;
        const auto found = own.find(entry.key);
        if (found == own.end()) {
          merged->entries.push_back({entry.key, entry.key_mark, entry.value, /*injected=*/true});
          ++node_count_;
          continue;
        }
        YamlEntry& kept = merged->entries[found->second];
        if (kept.value->is_null()) {
          kept.value = entry.value;
          kept.injected = true;
        } else {
          kept.value = Merge(kept.value, entry.value, winner);
        }
      }
      return merged;
    }
    return winner == Winner::kObject ? object : defaults;
  }

  Reading* reading_;
  YamlDocument* document_;
  std::vector<Default> defaults_;
  int64_t node_count_ = 0;
  bool overflowed_ = false;
};

void CheckProperties(Reading* reading, const Default& entry) {
  const TaskType* type = reading->types.Find(entry.type);
  if (type == nullptr || type->schema.additional) return;
  std::vector<std::string> names = BaseProperties();
  for (const auto& [name, schema] : type->schema.properties) names.push_back(name);
  for (const YamlEntry& value : entry.values->entries) {
    if (std::find(names.begin(), names.end(), value.key) != names.end()) continue;
    reading->Error(value.key_mark, "pluginDefaults",
                   absl::StrFormat("Invalid Plugin Default: `%s` has no property `%s`%s",
                                   entry.type, value.key, reading->Suggest(value.key, names)));
  }
}

void ReadSection(Reading* reading, const YamlNode& root, const std::string& name,
                 std::vector<Default>* defaults) {
  Fields flow(reading, root, "", "");
  const YamlNode* list = flow.List(name);
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const YamlNode& item = *list->items[i];
    const std::string path = ItemPath(name, i);
    if (!item.is_map()) {
      reading->Error(item.mark, path, absl::StrFormat("must be a map, not %s", item.KindName()));
      continue;
    }
    Fields fields(reading, item, path, path);
    Default entry;
    entry.type = fields.Text("type");
    entry.forced = fields.Flag("forced", false);
    entry.values = fields.Map("values");
    if (entry.type.empty()) {
      reading->Error(item.mark, path + ".type", "Invalid Plugin Default: `type` must not be null");
    }
    if (entry.values == nullptr &&
        (fields.Entry("values") == nullptr || fields.Entry("values")->value->is_null())) {
      reading->Error(item.mark, path + ".values",
                     "Invalid Plugin Default: `values` must not be null");
    }
    fields.Done();
    if (entry.type.empty() || entry.values == nullptr) continue;
    CheckProperties(reading, entry);
    defaults->push_back(std::move(entry));
  }
}

}  // namespace

const YamlNode* InjectDefaults(Reading* reading, YamlDocument* document) {
  const YamlNode* root = &document->root();
  if (!root->is_map()) return root;
  std::vector<Default> defaults;
  ReadSection(reading, *root, "pluginDefaults", &defaults);
  ReadSection(reading, *root, "taskDefaults", &defaults);
  if (defaults.empty()) return root;

  Injector injector(reading, document, std::move(defaults));
  YamlNode* injected = document->Add();
  *injected = *root;
  injected->before_injection = root;
  for (YamlEntry& entry : injected->entries) {
    if (entry.key != "pluginDefaults" && entry.key != "taskDefaults") {
      entry.value = injector.Inject(entry.value);
    }
  }
  return injected;
}

}  // namespace orch::flow
