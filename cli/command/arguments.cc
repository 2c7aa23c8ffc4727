#include "cli/command/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/exit_code.h"
#include "controlplane/flow/closest.h"

namespace orch::cli {
namespace {

CLI::App* App(void* app) { return static_cast<CLI::App*>(app); }

std::vector<std::string> WordsOf(const CLI::App* app) {
  std::vector<std::string> words;
  for (const CLI::App* word : app->get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back(word->get_name());
    for (const std::string& alias : word->get_aliases()) words.push_back(alias);
  }
  return words;
}

std::vector<std::string> OptionsOf(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// The deepest word that was named.
CLI::App* Deepest(CLI::App* app) {
  for (auto below = app->get_subcommands(); !below.empty(); below = app->get_subcommands()) {
    app = below.front();
  }
  return app;
}

std::string Path(const CLI::App* app) {
  std::string path = app->get_name();
  for (const CLI::App* above = app->get_parent(); above != nullptr; above = above->get_parent()) {
    path = above->get_name() + " " + path;
  }
  return path;
}

// Its help, with the words that lead to it.
std::string Help(const CLI::App* app) {
  return app->help(app->get_parent() == nullptr ? "" : Path(app->get_parent()));
}

int Complain(const std::string& message, const CLI::App* app, Console& console) {
  console.Say(
      absl::StrCat(Paint("error:", Ink::kRed, console.options().talk_colors), " ", message));
  console.Say(absl::StrCat("  see `", Path(app), " --help`"));
  return kUsage;
}

std::string Unknown(const std::string& word, const CLI::App* app) {
  const bool option = !word.empty() && word.front() == '-';
  const std::string name = word.substr(0, word.find('='));
  return absl::StrCat("`", Path(app), "` has no ", option ? "option" : "word", " '", name, "'",
                      flow::DidYouMean(name, option ? OptionsOf(app) : WordsOf(app)));
}

}  // namespace

struct Arguments::Rep {
  explicit Rep(const std::string& program, const std::string& help) : app(help, program) {}
  CLI::App app;
};

Arguments::Arguments(std::string_view program, std::string_view help)
    : rep_(std::make_unique<Rep>(std::string(program), std::string(help))) {
  rep_->app.get_formatter()->column_width(34);
}

Arguments::~Arguments() = default;

Verb Arguments::root() { return Verb(&rep_->app); }

Verb Verb::Add(std::string_view name, std::string_view help) {
  return Verb(App(app_)->add_subcommand(std::string(name), std::string(help)));
}

Verb& Verb::Alias(std::string_view name) {
  App(app_)->alias(std::string(name));
  return *this;
}

Verb& Verb::Footer(std::string_view text) {
  App(app_)->footer(std::string(text));
  return *this;
}

Verb& Verb::Flag(std::string_view names, bool* target, std::string_view help) {
  App(app_)->add_flag(std::string(names), *target, std::string(help));
  return *this;
}

Verb& Verb::Option(std::string_view names, std::string* target, std::string_view value,
                   std::string_view help) {
  App(app_)
      ->add_option(std::string(names), *target, std::string(help))
      ->option_text(std::string(value));
  return *this;
}

Verb& Verb::RequiredOption(std::string_view names, std::string* target, std::string_view value,
                           std::string_view help) {
  App(app_)
      ->add_option(std::string(names), *target, std::string(help))
      ->option_text(std::string(value))
      ->required();
  return *this;
}

Verb& Verb::Option(std::string_view names, int* target, std::string_view value,
                   std::string_view help) {
  App(app_)
      ->add_option(std::string(names), *target, std::string(help))
      ->option_text(std::string(value));
  return *this;
}

Verb& Verb::Options(std::string_view names, std::vector<std::string>* target,
                    std::string_view value, std::string_view help) {
  App(app_)
      ->add_option(std::string(names), *target, std::string(help))
      ->option_text(std::string(value))
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Verb& Verb::Choice(std::string_view names, std::string* target, std::vector<std::string> words,
                   std::string_view help) {
  std::string value;
  for (const std::string& word : words) absl::StrAppend(&value, value.empty() ? "" : "|", word);
  App(app_)
      ->add_option(std::string(names), *target, std::string(help))
      ->option_text(value)
      ->check([words, value](const std::string& given) -> std::string {
        if (std::find(words.begin(), words.end(), given) != words.end()) return "";
        return absl::StrCat("'", given, "' is none of ", value);
      });
  return *this;
}

Verb& Verb::Positional(std::string_view name, std::string* target, std::string_view help,
                       Need need) {
  App(app_)
      ->add_option(std::string(name), *target, std::string(help))
      ->option_text(" ")
      ->required(need == Need::kRequired);
  return *this;
}

Verb& Verb::Positionals(std::string_view name, std::vector<std::string>* target,
                        std::string_view help, Need need) {
  App(app_)
      ->add_option(std::string(name), *target, std::string(help))
      ->option_text("...")
      ->required(need == Need::kRequired);
  return *this;
}

Verb& Verb::Rest(std::vector<std::string>* target) {
  CLI::App* app = App(app_);
  app->prefix_command();
  app->set_help_flag();
  app->parse_complete_callback([app, target] { *target = app->remaining(); });
  return *this;
}

Verb& Verb::Run(std::function<int()> action) {
  // The library has no place for what a verb returns: it travels as an exception of the library's
  // own kind, thrown here and caught in Arguments::Run.
  App(app_)->final_callback([action = std::move(action)] { throw CLI::RuntimeError(action()); });
  return *this;
}

int Arguments::Run(const std::vector<std::string>& line, Console& console) try {
  // `--name=` is a name with an empty value; the library would take the next word for it.
  std::vector<std::string> words;
  for (const std::string& word : line) {
    if (word.size() > 3 && word.starts_with("--") && word.find('=') == word.size() - 1) {
      words.push_back(word.substr(0, word.size() - 1));
      words.emplace_back();
    } else {
      words.push_back(word);
    }
  }
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  rep_->app.parse(std::move(reversed));
  // Nothing ran: a noun without its verb, or nothing at all.
  const CLI::App* deepest = Deepest(&rep_->app);
  console.Draw(Help(deepest));
  return line.empty() ? kOk : kUsage;
} catch (const CLI::RuntimeError& e) {
  return e.get_exit_code();
} catch (const CLI::CallForHelp&) {
  console.Out(Help(Deepest(&rep_->app)));
  return kOk;
} catch (const CLI::CallForAllHelp&) {
  console.Out(Deepest(&rep_->app)->help("", CLI::AppFormatMode::All));
  return kOk;
} catch (const CLI::ExtrasError&) {
  const CLI::App* deepest = Deepest(&rep_->app);
  for (const CLI::App* app = deepest; app != nullptr; app = app->get_parent()) {
    const std::vector<std::string> extras = app->remaining();
    if (!extras.empty()) return Complain(Unknown(extras.front(), app), app, console);
  }
  return Complain("too many words", deepest, console);
} catch (const CLI::ParseError& e) {
  return Complain(e.what(), Deepest(&rep_->app), console);
}

}  // namespace orch::cli
